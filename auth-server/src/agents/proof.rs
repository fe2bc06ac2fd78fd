//! An agent's own token → the agent as it is now. What the token says is proven once and remembered; whether
//! the agent may still do anything is looked up each time.

use std::sync::Arc;
use std::time::Duration;

use access::{Policy, Principal, ScopeSet};
use ahash::RandomState;
use moka::sync::Cache as Moka;
use serde_json::Value;
use store::directory::{AgentIdentity, Directory};
use token::{Claims, TokenError, expired};

use super::Agents;
use crate::app::App;
use crate::grants::Embedded;

/// How long a proof is kept, in seconds.
const KEPT: u64 = 300;
/// How much memory proofs may take, in bytes.
const CAPACITY: u64 = 16 << 20;
/// Separates the `jti` of a token from that of the token it was made from.
pub(crate) const LINEAGE: char = '.';

/// Proofs of tokens, by the tokens themselves: compared whole, behind a hash with a random seed.
pub(crate) struct Tokens(Moka<Arc<[u8]>, Arc<AgentToken>, RandomState>);

/// What an agent's token says.
#[derive(Debug)]
pub(crate) struct AgentToken {
    pub(crate) agent_id: String,
    pub(crate) scope: ScopeSet,
    pub(crate) jti: String,
    /// Its `exp`, in seconds since the epoch.
    pub(crate) expires_at: u64,
    /// Who acted already (RFC 8693 section 4.1).
    pub(crate) act: Option<Value>,
    /// What was known when it was proven.
    generation: u64,
}

/// An agent whose token was right, and who may use it now.
pub(crate) struct ProvenAgent {
    /// As the directory has it now.
    pub(crate) agent: Arc<AgentIdentity>,
    pub(crate) token: Arc<AgentToken>,
}

impl ProvenAgent {
    /// The capabilities that it holds now and that its token was made for.
    pub(crate) fn capabilities(&self) -> impl Iterator<Item = &str> {
        self.agent.capabilities.iter().map(String::as_str).filter(|held| self.token.scope.contains(held))
    }

    /// Whether it can use a capability now, with this token.
    pub(crate) fn can(&self, capability: &str) -> bool {
        self.agent.holds(capability) && self.token.scope.contains(capability)
    }
}

impl Tokens {
    pub(crate) fn new() -> Tokens {
        Tokens(
            Moka::builder()
                .max_capacity(CAPACITY)
                .weigher(|token: &Arc<[u8]>, _: &Arc<AgentToken>| {
                    u32::try_from(token.len() + 512).unwrap_or(u32::MAX)
                })
                .time_to_live(Duration::from_secs(KEPT))
                .build_with_hasher(RandomState::new()),
        )
    }
}

/// Proves an agent's own token: ours, for us (a token bound to an MCP server is for that server alone), not
/// revoked, and its agent active.
///
/// # Errors
/// Those of `token::verify`; [`TokenError::Revoked`].
pub(crate) async fn prove(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    token: &str,
) -> Result<ProvenAgent, TokenError> {
    let now = app.now();
    // Read before the proof begins: a right that is taken meanwhile makes it void at once.
    let generation = app.cache.generation();
    let known = agents.tokens.0.get(token.as_bytes());
    let known = known.filter(|known| known.generation == generation && !expired(known.expires_at, now));
    let said = match known {
        Some(known) => known,
        None => {
            let said = Arc::new(read(issuer, token, now, generation).await?);
            agents.tokens.0.insert(Arc::from(token.as_bytes()), Arc::clone(&said));
            said
        }
    };
    let directory = agents.now()?;
    let agent = active(&directory, &said.agent_id, &said.jti)?;
    Ok(ProvenAgent { agent, token: said })
}

async fn read(issuer: &Embedded, token: &str, now: u64, generation: u64) -> Result<AgentToken, TokenError> {
    let ours = std::slice::from_ref(issuer.as_issuer());
    let verified = token::verify::<Claims, _>(token, ours, now).await?;
    let claims = verified.claims;
    let text = |name: &'static str| {
        claims.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(TokenError::Claim(name))
    };
    Ok(AgentToken {
        agent_id: text("agent_id")?,
        scope: text("scope")?.split_whitespace().collect(),
        jti: text("jti")?,
        expires_at: verified.expires_at,
        act: claims.get("act").cloned(),
        generation,
    })
}

/// The agent, if its tokens count and this one was not made void, nor the one that it was made from.
pub(crate) fn active(
    directory: &Directory,
    agent_id: &str,
    jti: &str,
) -> Result<Arc<AgentIdentity>, TokenError> {
    if is_revoked(directory, jti) {
        return Err(TokenError::Revoked);
    }
    let agent = directory.agent(agent_id).filter(|agent| agent.is_active());
    agent.cloned().ok_or(TokenError::Revoked)
}

fn is_revoked(directory: &Directory, jti: &str) -> bool {
    let from = jti.split(LINEAGE).next().unwrap_or(jti);
    directory.is_revoked(jti) || directory.is_revoked(from)
}

/// The principal that a token of our own issuer speaks of at /validate, as the directory has it now. `said` is
/// what its claims alone make of it.
///
/// # Errors
/// [`TokenError::Revoked`].
pub(crate) fn live_principal(
    agents: Option<&Agents>,
    claims: &Claims,
    said: Principal,
    policy: &Policy,
) -> Result<(Principal, Option<Arc<AgentIdentity>>), TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let directory = agents.map(Agents::now).transpose()?;
    let jti = text("jti").unwrap_or_default();
    if directory.as_ref().is_some_and(|directory| is_revoked(directory, jti)) {
        return Err(TokenError::Revoked);
    }
    let Some(agent_id) = text("agent_id") else { return Ok((said, None)) };
    // A token of an agent opens nothing where there is no directory to say that it still may.
    let directory = directory.ok_or(TokenError::Revoked)?;
    let agent = active(&directory, agent_id, jti)?;
    let who = match claims.contains_key("groups") {
        // What it had when the token was made, as far as it still has it.
        true => {
            let groups: Vec<String> =
                said.groups.into_iter().filter(|group| agent.groups.contains(group)).collect();
            Principal { scopes: policy.scopes_for(&groups), groups, ..said }
        }
        // Narrowed: the scopes that it was narrowed to, as far as its groups still give them.
        false => {
            let held = policy.scopes_for(&agent.groups);
            Principal { scopes: held.intersection(&said.scopes), ..said }
        }
    };
    Ok((who, Some(agent)))
}
