//! Signs access tokens (RFC 9068), for an [`Authorization`] and for nothing else.

use serde_json::{Map, Value, json};
use store::directory::AgentIdentity;
use token::Signer;

use super::error::GrantError;
use super::form::ACCESS_TOKEN;
use super::narrow::Authorization;
use crate::agents::{LINEAGE, NARROWED};
use crate::reply::Reply;

/// The `typ` of our access tokens (RFC 9068 section 2.1).
pub(super) const TYPE: &str = "at+jwt";

/// An access token and what the client is told of it.
pub(super) struct Issued(Value);

impl Issued {
    /// The answer of RFC 6749 section 5.1, kept out of every cache.
    pub(super) fn reply(&self) -> Reply {
        Reply::json(200, &self.0).no_store().header("pragma", "no-cache")
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
    let client_id = permission.client_id();
    let scope = permission.scope().to_string();
    let lifetime = permission.lifetime();
    let mut claims = Map::with_capacity(16);
    let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    say("iss", issuer.into());
    match permission.audience() {
        None => say("aud", issuer.into()),
        Some([one]) => say("aud", one.as_str().into()),
        Some(names) => say("aud", names.into()),
    };
    match permission.agent() {
        Some(agent) => {
            say("sub", agent.subject().into());
            // The name under which it registers cards.
            say("preferred_username", username(agent).into());
            say("agent_id", agent.agent_id.as_str().into());
            say("tenant", org.into());
        }
        None => {
            say("sub", client_id.into());
            say("preferred_username", format!("service-account-{client_id}").into());
            say("azp", client_id.into());
        }
    }
    say("client_id", client_id.into());
    say("scope", scope.as_str().into());
    say("iat", now.into());
    say("nbf", now.into());
    say("exp", now.saturating_add(lifetime).into());
    // A token made from another one is void with it.
    say(
        "jti",
        permission.made_from().map_or(unique.clone(), |from| format!("{from}{LINEAGE}{unique}")).into(),
    );
    if let Some(groups) = permission.groups() {
        say("groups", groups.into());
    }
    if permission.is_narrowed() {
        say(NARROWED, true.into());
    }
    if let Some(act) = permission.act() {
        say("act", act.clone());
    }
    let token = signer.sign(TYPE, &claims).map_err(|fault| GrantError::Internal(fault.to_string()))?;
    let mut answer = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": scope,
    });
    if permission.audience().is_some() {
        // RFC 8693 section 2.2.1.
        answer["issued_token_type"] = ACCESS_TOKEN.into();
    }
    Ok(Issued(answer))
}

/// The one username of an agent. Ours are ids, which nobody can choose; a client of Keycloak has the name that
/// Keycloak's own tokens give it, since some person may be called like the client.
fn username(agent: &AgentIdentity) -> String {
    match agent.client_id == agent.agent_id {
        true => agent.agent_id.clone(),
        false => format!("service-account-{}", agent.client_id),
    }
}
