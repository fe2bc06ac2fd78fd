//! Token revocation (RFC 7009).

use access::Asker;
use serde_json::{Value, json};
use store::directory::Wish;
use token::{Claims, TokenError};

use super::client::Party;
use super::error::GrantError;
use super::form::{Claimed, Parameters};
use super::{Embedded, Trail, client_credentials};
use crate::agents::{Agents, prove};
use crate::app::App;
use crate::asked::Asked;
use crate::directory;
use crate::reply::Reply;
use crate::validate::{Field, bearer_of};

/// Makes a token void. Whoever has the token may: it is the one credential of an exchange, too, and this only
/// takes away. Credentials that come along must be right, and the token must be theirs, but for the
/// organisation's key, which opens all.
///
/// # Errors
/// [`GrantError::InvalidClient`], [`GrantError::InvalidBearer`], [`GrantError::InvalidRequest`], [`GrantError::Store`].
pub(super) async fn revoke(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    asked: &Asked<'_>,
    trail: &mut Trail,
) -> Result<Reply, GrantError> {
    let mut parameters = Parameters::read(asked)?;
    let token = parameters.take("token")?.ok_or(GrantError::InvalidRequest("token is missing"))?;
    let revoking = Revoking::of(app, issuer, agents, &mut parameters, asked).await?;
    // RFC 7009 section 2.2: what is no valid token needs no revocation.
    let nothing = || Reply::json(200, &json!({})).no_store();
    let Some(claims) = read(issuer, &token, app.now()).await else { return Ok(nothing()) };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let (jti, client_id) = (text("jti"), text("client_id"));
    let by = match &revoking {
        Revoking::Key => Asker::Key,
        Revoking::Anybody => Asker::Holder { client_id },
        Revoking::Client(shown) if shown == client_id => Asker::Holder { client_id },
        Revoking::Client(_) => {
            return Err(GrantError::InvalidRequest("the token was not issued to this client"));
        }
    };
    let permit = by.may_as(client_id).map_err(|fault| GrantError::Internal(fault.to_string()))?;
    let expires_at = claims.get("exp").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let wish = Wish::Revoke { client_id: client_id.to_owned(), jti: jti.to_owned(), expires_at };
    agents.write(&permit, wish).await.map_err(|fault| {
        tracing::debug!(%fault, "a token could not be revoked");
        GrantError::Store
    })?;
    app.metrics.revoked.inc();
    trail.who = Some(if matches!(revoking, Revoking::Key) { permit.by() } else { text("sub") }.to_owned());
    (trail.client_id, trail.resource) = (Some(client_id.to_owned()), format!("jti {jti}"));
    trail.always = true;
    Ok(nothing())
}

/// Who revokes.
enum Revoking {
    /// The organisation's key.
    Key,
    /// Whoever has the token.
    Anybody,
    /// This client, proven; or one that says so by name alone, which can only be refused by it.
    Client(String),
}

impl Revoking {
    async fn of(
        app: &App,
        issuer: &Embedded,
        agents: &Agents,
        parameters: &mut Parameters<'_>,
        asked: &Asked<'_>,
    ) -> Result<Revoking, GrantError> {
        match asked.api_key {
            Field::Absent => {}
            Field::Once(key) if directory::is_admin_key(&agents.known(), key) => return Ok(Revoking::Key),
            Field::Once(_) | Field::Repeated => return Err(GrantError::InvalidClient { basic: false }),
        }
        if let Ok(token) = bearer_of(asked.authorization) {
            return match prove(app, issuer, agents, token).await {
                Ok(proven) => Ok(Revoking::Client(proven.agent.client_id.clone())),
                Err(TokenError::Unavailable | TokenError::RevocationUnknown | TokenError::Key(_)) => {
                    Err(GrantError::Store)
                }
                Err(_) => Err(GrantError::InvalidBearer),
            };
        }
        match parameters.claimed(asked.authorization)? {
            None => Ok(Revoking::Anybody),
            Some(Claimed::Name(client_id)) => Ok(Revoking::Client(client_id)),
            Some(Claimed::Credentials(shown)) => {
                Ok(Revoking::Client(match client_credentials::prove(app, issuer, shown).await? {
                    Party::Agent(agent) => agent.client_id.clone(),
                    Party::Client(client) => client.client_id,
                }))
            }
        }
    }
}

/// The claims of a token of ours, for whomever it is.
pub(super) async fn read(issuer: &Embedded, token: &str, now: u64) -> Option<Claims> {
    let any = std::slice::from_ref(issuer.as_issuer_for_others());
    let verified = token::verify::<Claims, _>(token, any, now).await;
    verified.ok().map(|verified| verified.claims)
}
