//! Signs access tokens (RFC 9068), for an [`Authorization`] and for nothing else.

use serde::Serialize;
use serde_json::Value;
use store::directory::AgentIdentity;
use token::Signer;

use super::error::GrantError;
use super::form::ACCESS_TOKEN;
use super::narrow::Authorization;
use crate::agents::LINEAGE;
use crate::reply::Reply;

/// The `typ` of our access tokens (RFC 9068 section 2.1).
pub(super) const TYPE: &str = "at+jwt";

/// An access token and what the client is told of it, as it is sent.
pub(super) struct Issued(Vec<u8>);

/// The claims (RFC 9068 section 2.2, RFC 8693 section 4), in the order in which they are written.
#[derive(Serialize)]
struct AccessToken<'a> {
    iss: &'a str,
    aud: Audience<'a>,
    sub: &'a str,
    preferred_username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    client_id: &'a str,
    scope: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    narrowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Value>,
}

/// One name as a text, several as a list (RFC 7519 section 4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Several(&'a [String]),
}

/// The answer of RFC 6749 section 5.1, and of RFC 8693 section 2.2.1.
#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'a str>,
    token_type: &'a str,
    expires_in: u64,
    scope: &'a str,
}

impl Issued {
    /// The answer, kept out of every cache.
    pub(super) fn reply(self) -> Reply {
        Reply::new(200, "application/json", self.0).no_store().header("pragma", "no-cache")
    }
}

/// Issues a token. `now` is in seconds since the epoch, `unique` a name nobody can guess.
///
/// # Errors
/// [`GrantError::Internal`] when the key does not sign.
pub(super) fn issue(
    signer: &Signer,
    (issuer, org): (&str, &str),
    permission: &Authorization,
    now: u64,
    unique: String,
) -> Result<Issued, GrantError> {
    let (agent, client_id) = (permission.agent(), permission.client_id());
    let (scope, lifetime) = (permission.scope().to_string(), permission.lifetime());
    let (sub, username) = match agent {
        Some(agent) => (agent.subject(), username(agent)),
        None => (client_id.to_owned(), service_account(client_id)),
    };
    // A token made from another one is void with it.
    let jti = match permission.made_from() {
        Some(from) => format!("{from}{LINEAGE}{unique}"),
        None => unique,
    };
    let claims = AccessToken {
        iss: issuer,
        aud: match permission.audience() {
            None => Audience::One(issuer),
            Some([one]) => Audience::One(one),
            Some(names) => Audience::Several(names),
        },
        sub: &sub,
        // The name under which it registers cards.
        preferred_username: &username,
        azp: agent.is_none().then_some(client_id),
        agent_id: agent.map(|agent| &*agent.agent_id),
        tenant: agent.map(|_| org),
        client_id,
        scope: &scope,
        iat: now,
        nbf: now,
        exp: now.saturating_add(lifetime),
        jti: &jti,
        groups: permission.groups(),
        narrowed: permission.is_narrowed().then_some(true),
        act: permission.act(),
    };
    let failed = |fault: String| GrantError::Internal(fault);
    let token = signer.sign(TYPE, &claims).map_err(|fault| failed(fault.to_string()))?;
    let answer = Answer {
        access_token: &token,
        issued_token_type: permission.audience().map(|_| ACCESS_TOKEN),
        token_type: "Bearer",
        expires_in: lifetime,
        scope: &scope,
    };
    let mut text = Vec::with_capacity(token.len() + scope.len() + 256);
    serde_json::to_writer(&mut text, &answer).map_err(|fault| failed(fault.to_string()))?;
    Ok(Issued(text))
}

/// The one username of an agent. Ours are ids, which nobody can choose; a client of Keycloak has the name that
/// Keycloak's own tokens give it, since some person may be called like the client.
fn username(agent: &AgentIdentity) -> String {
    match agent.client_id == agent.agent_id {
        true => agent.agent_id.clone(),
        // Keycloak's usernames have no capitals.
        false => service_account(&agent.client_id.to_lowercase()),
    }
}

/// A client's own username, as Keycloak spells it.
pub(crate) fn service_account(client_id: &str) -> String {
    format!("service-account-{client_id}")
}
