//! Agents whose secrets Keycloak keeps: it verifies the secret by a sign-in of its own, its groups say by a
//! table what the agent may do, and the tokens are ours (design page "agent-identity", "Beside Keycloak").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use access::Asker;
use serde::Deserialize;
use store::StoreError;
use store::directory::{AgentChanges, AgentIdentity, AgentStatus, Budget, Done, Wish};
use token::Claims;
use tokio::sync::Semaphore;

use super::client::Party;
use super::error::GrantError;
use super::form::Credentials;
use crate::agents::Agents;
use crate::app::App;
use crate::directory::slug_of;

/// How long Keycloak may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses: less than what usually stands before Keycloak keeps it.
const IDLE: Duration = Duration::from_secs(30);
/// How many sign-ins may wait for it.
const PLACES: usize = 64;
/// More bytes than its answer has.
const MOST_ANSWER: usize = 256 * 1024;

/// Keycloak, as the keeper of secrets.
pub(crate) struct Keeper {
    token_url: String,
    /// Group → capabilities.
    table: BTreeMap<String, Vec<String>>,
    http: reqwest::Client,
    /// Sign-ins that may wait for Keycloak at once: one more is told to come back.
    places: Semaphore,
}

#[derive(Deserialize)]
struct Signed {
    access_token: String,
}

impl Keeper {
    /// # Errors
    /// A line for the operator.
    pub(super) fn build(token_url: &str, table: &BTreeMap<String, Vec<String>>) -> Result<Keeper, String> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .pool_idle_timeout(IDLE)
            // Nothing else reads the environment: no proxy that it names shall see a secret.
            .no_proxy()
            // A secret is sent to the address that was configured, and to no other.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|fault| fault.to_string())?;
        Ok(Keeper {
            token_url: token_url.to_owned(),
            table: table.clone(),
            http,
            places: Semaphore::new(PLACES),
        })
    }

    /// What these groups let an agent do.
    fn capabilities(&self, groups: &[String]) -> Vec<String> {
        let mut capabilities: Vec<String> = Vec::new();
        for group in groups {
            let held = self.table.get(group.trim_start_matches('/'));
            for capability in held.into_iter().flatten() {
                if !capabilities.contains(capability) {
                    capabilities.push(capability.clone());
                }
            }
        }
        capabilities
    }

    /// Keycloak's token for these credentials; `None` when it does not know them.
    async fn sign_in(&self, shown: &Credentials) -> Result<Option<String>, GrantError> {
        let Ok(_place) = self.places.try_acquire() else { return Err(GrantError::Busy) };
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &shown.client_id)
            .append_pair("client_secret", shown.secret.expose())
            .finish();
        let away = |why: reqwest::Error| {
            // Its URL has no secret in it; the body has, and is not part of the error.
            tracing::error!(cause = %why, "Keycloak cannot be asked for a secret");
            GrantError::KeeperAway
        };
        let request = self.http.post(&self.token_url).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let mut answer = request.send().await.map_err(away)?;
        match answer.status().as_u16() {
            200 => {}
            400 | 401 | 403 => return Ok(None),
            status => {
                tracing::error!(status, "Keycloak cannot be asked for a secret");
                return Err(GrantError::KeeperAway);
            }
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST_ANSWER {
                return Err(GrantError::KeeperAway);
            }
        }
        let signed: Signed = serde_json::from_slice(&bytes).map_err(|_| GrantError::KeeperAway)?;
        Ok(Some(signed.access_token))
    }
}

/// Proves an agent, and brings its entry up to what Keycloak says of it. Whoever has no entry gets one,
/// unless no group of his lets an agent do anything.
///
/// # Errors
/// [`GrantError::InvalidClient`], [`GrantError::KeeperAway`], [`GrantError::Store`].
pub(super) async fn prove(
    app: &App,
    agents: &Agents,
    keeper: &Keeper,
    shown: Credentials,
) -> Result<Party, GrantError> {
    let refused = GrantError::InvalidClient { basic: shown.basic };
    let Some(token) = keeper.sign_in(&shown).await? else { return Err(refused) };
    // Read with the realm's keys, as any token of it is at /validate; our own issuer is none of these.
    let verified = token::verify::<Claims, _>(&token, &app.issuers, app.now()).await.map_err(|fault| {
        tracing::error!(%fault, "Keycloak's own token is refused: look at --issuers");
        GrantError::KeeperAway
    })?;
    if verified.issuer.is_own() {
        return Err(refused);
    }
    let (who, _) = verified.issuer.principal(&verified.claims, &app.policy.current()).map_err(|fault| {
        tracing::error!(%fault, "Keycloak's own token is refused: look at --issuers");
        GrantError::KeeperAway
    })?;
    if who.client_id.as_deref() != Some(&*shown.client_id) {
        return Err(refused);
    }
    let agent = provisioned(app, agents, keeper, &shown.client_id, who.groups).await?;
    match agent.filter(|agent| agent.is_active()) {
        Some(agent) => Ok(Party::Agent(agent)),
        None => Err(refused),
    }
}

/// The agent's entry, made or changed so that it says what Keycloak says.
async fn provisioned(
    app: &App,
    agents: &Agents,
    keeper: &Keeper,
    client_id: &str,
    mut groups: Vec<String>,
) -> Result<Option<Arc<AgentIdentity>>, GrantError> {
    // Keycloak promises no order.
    groups.sort();
    let capabilities = keeper.capabilities(&groups);
    // Whether it is suspended, others may have said.
    agents.now().map_err(|_| GrantError::Store)?;
    let permit = Asker::Server("keycloak").may_as(client_id);
    let permit = permit.map_err(|fault| GrantError::Internal(fault.to_string()))?;
    let now = app.now();
    // Another sign-in of the same agent may come first: what it wrote is looked at again.
    for attempt in 0..5 {
        let known = agents.known().client(client_id).cloned();
        let wish = match known {
            Some(agent) if agent.capabilities == capabilities && agent.groups == groups => {
                return Ok(Some(agent));
            }
            Some(agent) => Wish::AmendAgent {
                agent_id: agent.agent_id.clone(),
                version: None,
                changes: Box::new(AgentChanges {
                    capabilities: Some(capabilities.clone()).filter(|held| *held != agent.capabilities),
                    groups: Some(groups.clone()).filter(|held| *held != agent.groups),
                    ..AgentChanges::default()
                }),
            },
            None if capabilities.is_empty() => return Ok(None),
            None => Wish::CreateAgent {
                agent: Box::new(AgentIdentity {
                    agent_id: app.name("agt_"),
                    client_id: client_id.to_owned(),
                    slug: slug(client_id, attempt),
                    name: client_id.to_owned(),
                    description: String::new(),
                    kind: "service".to_owned(),
                    status: AgentStatus::Active,
                    secrets: Vec::new(),
                    capabilities: capabilities.clone(),
                    declared: Vec::new(),
                    groups: groups.clone(),
                    budget: Budget::default(),
                    jwks_uri: None,
                    owner: None,
                    created_by: "keycloak".to_owned(),
                    created_at: now,
                    updated_at: now,
                    version: 0,
                }),
            },
        };
        match agents.write(&permit, wish).await {
            Ok(Done::Agent(agent)) => return Ok(Some(agent)),
            Ok(Done::Target(_) | Done::Usage(_) | Done::Nothing) => return Ok(None),
            Err(StoreError::Changed { .. } | StoreError::Absent(_) | StoreError::Taken(_)) => {}
            Err(fault) => {
                tracing::error!(%fault, "the agent could not be kept");
                return Err(GrantError::Store);
            }
        }
    }
    Err(GrantError::Busy)
}

/// A client id as a slug. Two ids can give the same one: the second gets a number.
fn slug(client_id: &str, attempt: usize) -> String {
    let slug = slug_of(client_id);
    match attempt {
        0 if !slug.is_empty() => slug,
        _ => format!("{}-{attempt}", if slug.is_empty() { "agent" } else { &slug }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_become_slugs() {
        for (client_id, attempt, expected) in [
            ("Analyst_Agent", 0, "analyst-agent"),
            ("analyst.agent", 1, "analyst-agent-1"),
            ("--x--", 0, "x"),
            ("ü", 0, "agent-0"),
        ] {
            assert_eq!(slug(client_id, attempt), expected);
        }
    }
}
