//! Agents' secrets: made here, shown once, kept as hashes; while one takes the place of another, both count.

use boot::Secret;
use serde_json::json;
use store::directory::{AgentChanges, NewSecret, SecretHash};

use super::agents::{amend, find};
use super::{Desk, KEPT_IN_KEYCLOAK, data};
use crate::agents::{Fields, IdentityError};
use crate::grants::GrantError;
use crate::reply::Reply;

/// How long the secret before counts on, unless it is said, in seconds.
const OVERLAP: u64 = 86_400;
/// The longest it can, in seconds: thirty days.
const MOST_OVERLAP: u64 = 30 * 86_400;

/// A new secret and its hash.
pub(super) async fn make(desk: &Desk<'_>) -> Result<(Secret, SecretHash), IdentityError> {
    let key: String = desk.app.name("").chars().take(8).collect();
    let secret = Secret::new(format!("ags_{key}_{}{}", desk.app.unique(), desk.app.unique()));
    let hash = desk.issuer.clients.hash(secret.clone()).await.map_err(|fault| match fault {
        GrantError::Busy => IdentityError::Busy,
        fault => IdentityError::Internal(fault.to_string()),
    })?;
    Ok((secret, SecretHash { key, hash, created_at: desk.app.now(), expires_at: None }))
}

/// Gives the agent another secret. The one before counts for `overlap_seconds` more; those before that end.
pub(super) async fn rotate(desk: &Desk<'_>, name: &str) -> Result<Reply, IdentityError> {
    if desk.issuer.keycloak.is_some() {
        return Err(KEPT_IN_KEYCLOAK);
    }
    let mut fields = Fields::read_or_none(desk.asked)?.snake();
    let overlap = fields.whole("overlap_seconds", MOST_OVERLAP).unwrap_or(OVERLAP);
    fields.done()?;
    let agent = find(desk, name)?;
    // Whoever has an agent's secret can be that agent.
    desk.may_give(&agent.groups, &[])?;
    let (secret, hash) = make(desk).await?;
    let before_ends = (overlap > 0).then(|| desk.app.now() + overlap);
    let secret_change = Some(NewSecret { hash, before_ends });
    let agent =
        amend(desk, &agent, AgentChanges { secret: secret_change, ..AgentChanges::default() }).await?;
    let mut shown = json!({
        "agentId": agent.agent_id, "clientId": agent.client_id, "clientSecret": secret.expose(),
    });
    if let Some(ends) = agent.secrets.iter().find_map(|held| held.expires_at) {
        shown["previousExpiresAt"] = ends.into();
    }
    Ok(data(200, &shown, Some("The agent has a new secret. It is not shown again.")))
}
