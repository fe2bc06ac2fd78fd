//! An agent's own token → the agent as it is now. What the token says is proven once and remembered; whether
//! the agent may still do anything is looked up each time.

use std::sync::Arc;

use access::{Policy, Principal, ScopeSet, check_capability};
use ahash::RandomState;
use moka::sync::Cache as Moka;
use serde_json::Value;
use store::directory::{AgentIdentity, Directory};
use token::{Claims, TokenError, expired};

use super::Agents;
use crate::app::App;
use crate::grants::Embedded;

/// How much memory proofs may take, in bytes.
const CAPACITY: u64 = 16 << 20;
/// The claim of an agent's token that was made for certain scopes alone.
const NARROWED: &str = "narrowed";
/// Separates the `jti` of a token from that of the token it was made from.
pub(crate) const LINEAGE: char = '.';

/// Proofs of tokens, by the tokens themselves: compared whole, behind a hash with a random seed. Their ends are
/// looked at when they are used; what nobody uses gives way to others.
pub(crate) struct Tokens(Moka<Arc<[u8]>, Arc<AgentToken>, RandomState>);

/// What an agent's token says.
#[derive(Debug)]
pub(crate) struct AgentToken {
    pub(crate) agent_id: String,
    pub(crate) scope: ScopeSet,
    pub(crate) jti: String,
    /// The MCP server behind the gateway that it is bound to: a seal may be, a token that is taken here is not.
    pub(crate) server: Option<String>,
    /// Its `exp`, in seconds since the epoch.
    pub(crate) expires_at: u64,
    /// What was known when it was proven.
    pub(super) generation: u64,
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
    let jti = text("jti")?;
    // One that was made from another is bound to an MCP server, whatever its name looks like.
    if jti.contains(LINEAGE) {
        return Err(TokenError::Audience);
    }
    Ok(AgentToken {
        agent_id: text("agent_id")?,
        scope: text("scope")?.split_whitespace().collect(),
        jti,
        server: None,
        expires_at: verified.expires_at,
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

/// Whether this token was made void, or one of those that it was made from, each from the one before.
pub(crate) fn is_revoked(directory: &Directory, jti: &str) -> bool {
    let mut ancestors = jti.match_indices(LINEAGE).map(|(at, _)| &jti[..at]);
    directory.is_revoked(jti) || ancestors.any(|from| directory.is_revoked(from))
}

/// What a token of our own issuer must be looked up by, each time it is used.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) jti: String,
    /// The agent that it speaks of.
    pub(crate) agent_id: Option<String>,
    /// The capabilities among its scopes.
    pub(crate) capabilities: Vec<String>,
}

/// An agent as it is now, and the directory that says so.
pub(crate) struct LiveAgent {
    pub(crate) agent: Arc<AgentIdentity>,
    pub(crate) directory: Arc<Directory>,
}

impl Live {
    /// What the claims of a token of our own say.
    pub(crate) fn of(claims: &Claims) -> Live {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let scope = text("scope").unwrap_or_default();
        let capabilities = scope.split_whitespace().filter(|word| check_capability(word).is_ok());
        Live {
            jti: text("jti").unwrap_or_default(),
            agent_id: text("agent_id"),
            capabilities: capabilities.map(str::to_owned).collect(),
        }
    }

    /// Whether it was made from another token, and so is bound to an MCP server, whatever that is called.
    pub(crate) fn is_derived(&self) -> bool {
        self.jti.contains(LINEAGE)
    }

    /// Looks it up: the agent, if it speaks of one.
    ///
    /// # Errors
    /// [`TokenError::Revoked`]; [`TokenError::RevocationUnknown`] for an agent's. What was revoked of a client's
    /// tokens elsewhere may come late: clients have no directory to be cut off from.
    pub(crate) fn look_up(&self, agents: Option<&Agents>) -> Result<Option<LiveAgent>, TokenError> {
        let Some(agent_id) = &self.agent_id else {
            let is_void = agents.is_some_and(|agents| is_revoked(&agents.known(), &self.jti));
            return if is_void { Err(TokenError::Revoked) } else { Ok(None) };
        };
        // A token of an agent opens nothing where there is no directory to say that it still may.
        let directory = agents.ok_or(TokenError::Revoked)?.now()?;
        let agent = active(&directory, agent_id, &self.jti)?;
        Ok(Some(LiveAgent { agent, directory }))
    }
}

/// The principal of an agent's token at /validate. `said` is what its claims alone make of it: the groups that the
/// agent still has, and what they give by now; where it was narrowed, never more than its scope says.
pub(crate) fn agents_principal(
    agent: &AgentIdentity,
    claims: &Claims,
    said: Principal,
    policy: &Policy,
) -> Principal {
    let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    Principal {
        groups: said.groups.into_iter().filter(|group| agent.groups.contains(group)).collect(),
        scopes: scope.split_whitespace().collect(),
        narrowed: claims.contains_key(NARROWED),
        ..said
    }
    .under(policy)
}
