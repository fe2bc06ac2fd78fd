//! A token that is bound to an MCP server (RFC 8693) → what it opens here: that server, if it stands behind this
//! gateway, and nothing else.
//!
//! It is no token for us: `token::verify` has refused it for its `aud`. What follows lets it in again at one door.

use access::Principal;
use serde_json::Value;
use store::directory::Directory;
use token::{Claims, TokenError};

use crate::agents::{Counted, Live};
use crate::app::App;

use super::prove::Facts;
use super::target::server_of;

/// What a bound token is for, and what that was found out with.
pub(super) struct Bound {
    /// The one MCP server, by its name in policies.
    pub(super) server: Box<str>,
    /// The target in the directory that it was made for.
    target: Seen,
    /// The agent, and whoever acts for it.
    agents: Vec<Seen>,
}

/// Something of the directory in the version in which it was looked at.
struct Seen {
    id: String,
    version: u64,
}

impl Bound {
    /// Whether agent, actor and target are as they were.
    pub(super) fn is_current(&self, directory: &Directory) -> bool {
        let target = directory.target(&self.target.id);
        target.is_some_and(|target| target.version == self.target.version)
            && self
                .agents
                .iter()
                .all(|seen| directory.agent(&seen.id).is_some_and(|agent| agent.version == seen.version))
    }
}

/// Proves a token of our own issuer that was made for one MCP server behind this gateway. Its scopes are its own
/// words, as far as its agent holds them and its server knows them now: which methods and tools they open,
/// scopes.yml says.
///
/// # Errors
/// [`TokenError::Audience`] for every token that is no such one; [`TokenError::Revoked`], also when the target is
/// gone or asks for what the agent has no more; those of `token::verify`.
pub(super) async fn prove(app: &App, token: &str, now: u64) -> Result<Facts, TokenError> {
    let own = app.issuers.iter().find(|trusted| trusted.is_own());
    let (Some(issuer), Some(agents), Some(own)) = (&app.embedded, app.agents(), own) else {
        return Err(TokenError::Audience);
    };
    let any = std::slice::from_ref(issuer.as_issuer_for_others());
    let verified = token::verify::<Claims, _>(token, any, now).await.map_err(|why| match why {
        // Another issuer's: what was wrong with it was said before.
        TokenError::UnknownIssuer => TokenError::Audience,
        why => why,
    })?;
    let (claims, expires_at) = (verified.claims, verified.expires_at);
    let live = Live::of(&claims);
    let names = audience(&claims).ok_or(TokenError::Audience)?;
    // One that also names us is neither: whoever reads the first name and whoever reads the second must not see
    // two tokens in it.
    if !live.is_derived() || names.iter().any(|name| issuer.is_own_name(name)) {
        return Err(TokenError::Audience);
    }
    let server = the_server(&names, &app.public_url).ok_or(TokenError::Audience)?;
    let directory = agents.now()?;
    let agent_id = live.agent_id.as_deref().ok_or(TokenError::Audience)?;
    let target = names.first().and_then(|name| directory.target(name)).ok_or(TokenError::Revoked)?;
    if !names.iter().all(|name| directory.target(name).is_some_and(|other| other.id == target.id)) {
        return Err(TokenError::Revoked);
    }
    let policy = app.policy.current();
    let counted = Counted { directory: &directory, claims: &claims, target: Some(target) };
    let scopes = counted.scope(&policy).ok_or(TokenError::Revoked)?;
    let seen = |id: &str| {
        let agent = directory.agent(id).ok_or(TokenError::Revoked)?;
        Ok(Seen { id: id.to_owned(), version: agent.version })
    };
    let bound = Bound {
        server: server.into(),
        target: Seen { id: target.id.clone(), version: target.version },
        agents: [agent_id].into_iter().chain(counted.actor()).map(seen).collect::<Result<_, _>>()?,
    };
    let (said, subject) = own.principal(&claims, &policy)?;
    // Groups would bring their scopes back.
    let who = Principal { groups: Vec::new(), scopes, narrowed: true, ..said };
    let method = own.method.clone();
    Ok(Facts { who, live: Some(live), bound: Some(bound), policy, subject, method, expires_at })
}

/// Everybody whom a token names, if `aud` has the form it is to have (RFC 7519 section 4.1.3).
fn audience(claims: &Claims) -> Option<Vec<&str>> {
    match claims.get("aud")? {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => names.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// The MCP server behind the gateway that these names are of, if there is exactly one.
fn the_server<'n>(names: &[&'n str], public_url: &str) -> Option<&'n str> {
    let mut servers = names.iter().filter_map(|name| server_of(name, public_url));
    let first = servers.next()?;
    servers.all(|other| other == first).then_some(first)
}
