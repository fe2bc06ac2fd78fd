//! Agents' secrets: made here, shown once, kept as hashes; while one takes the place of another, both count.

use boot::Secret;
use serde_json::json;
use store::directory::{AgentIdentity, Done, SecretHash, Wish};

use super::agents::find;
use super::{Desk, TRIES, came_second, data};
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
        return Err(IdentityError::KeptElsewhere);
    }
    let mut fields = Fields::read_or_none(desk.asked)?.snake();
    let overlap = fields.whole("overlap_seconds", MOST_OVERLAP).unwrap_or(OVERLAP);
    fields.done()?;
    find(desk, name)?;
    let (secret, hash) = make(desk).await?;
    for _ in 0..TRIES {
        let agent = find(desk, name)?;
        let now = desk.app.now();
        let (secrets, ends) = overlapping(&agent, hash.clone(), now, overlap);
        let changed = AgentIdentity { secrets, updated_at: now, ..AgentIdentity::clone(&agent) };
        let wish = Wish::ReplaceAgent { agent: Box::new(changed), version: agent.version };
        match desk.write(wish).await {
            Ok(Done::Agent(agent)) => {
                let mut shown = json!({
                    "agentId": agent.agent_id, "clientId": agent.client_id, "clientSecret": secret.expose(),
                });
                if let Some(ends) = ends {
                    shown["previousExpiresAt"] = ends.into();
                }
                let message = "The agent has a new secret. It is not shown again.";
                return Ok(data(200, &shown, Some(message)));
            }
            Ok(Done::Target(_) | Done::Usage(_) | Done::Nothing) => {}
            Err(fault) if came_second(&fault) => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(IdentityError::Busy)
}

/// The new secret and the one before it, and when that one ends.
fn overlapping(
    agent: &AgentIdentity,
    new: SecretHash,
    now: u64,
    overlap: u64,
) -> (Vec<SecretHash>, Option<u64>) {
    let newest = agent.secrets.iter().rfind(|held| held.expires_at.is_none()).cloned();
    let before =
        newest.filter(|_| overlap > 0).map(|held| SecretHash { expires_at: Some(now + overlap), ..held });
    let ends = before.as_ref().and_then(|held| held.expires_at);
    (before.into_iter().chain([new]).collect(), ends)
}
