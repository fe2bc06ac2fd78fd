//! What a proven party gets: never more than it holds today, never more than it asks for.

use std::sync::Arc;

use access::{Policy, ScopeSet};
use serde_json::{Value, json};
use store::directory::{AgentIdentity, Directory, McpTarget};
use token::TokenError;

use super::client::Party;
use super::error::GrantError;
use crate::agents::{Agents, ProvenAgent, tokens_left};

/// Life of a token bound to an MCP server, at most, in seconds.
const MOST_EXCHANGED: u64 = 600;

/// Permission to sign. Its fields are private to this file: nothing else can make one.
#[derive(Debug)]
pub(super) struct Authorization {
    subject: Subject,
    groups: Option<Vec<String>>,
    scope: ScopeSet,
    lifetime: u64,
    bound: Option<Bound>,
}

/// Whom a token speaks of.
#[derive(Debug)]
enum Subject {
    /// A client of the configuration.
    Client(String),
    /// An agent of the directory.
    Agent(Arc<AgentIdentity>),
}

/// What a token is bound to.
#[derive(Debug)]
struct Bound {
    audience: Vec<String>,
    /// The `jti` of the token that it was made from.
    from: String,
    act: Option<Value>,
}

impl Authorization {
    /// The client it is issued to.
    pub(super) fn client_id(&self) -> &str {
        match &self.subject {
            Subject::Client(client_id) => client_id,
            Subject::Agent(agent) => &agent.client_id,
        }
    }

    /// The agent it speaks of.
    pub(super) fn agent(&self) -> Option<&AgentIdentity> {
        match &self.subject {
            Subject::Client(_) => None,
            Subject::Agent(agent) => Some(agent),
        }
    }

    /// The groups it carries; none at all when it was narrowed.
    pub(super) fn groups(&self) -> Option<&[String]> {
        self.groups.as_deref()
    }

    /// The scopes granted.
    pub(super) fn scope(&self) -> &ScopeSet {
        &self.scope
    }

    /// In seconds.
    pub(super) fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// The MCP server it is bound to, by the names it was asked for; `None` for a token for us.
    pub(super) fn audience(&self) -> Option<&[String]> {
        self.bound.as_ref().map(|bound| &*bound.audience)
    }

    /// The `jti` of the token it was made from.
    pub(super) fn made_from(&self) -> Option<&str> {
        self.bound.as_ref().map(|bound| &*bound.from)
    }

    /// Who acts (RFC 8693 section 4.1).
    pub(super) fn act(&self) -> Option<&Value> {
        self.bound.as_ref()?.act.as_ref()
    }
}

/// Narrows what the party holds to what it asks for; asking for nothing asks for all. A party that asks for
/// what it once had gets what it still has.
///
/// A token that holds less than the party's groups give carries no groups: groups are mapped to
/// scopes at each use and would bring all of them back. The price is that such a token sees
/// nothing that is shown to groups alone.
///
/// # Errors
/// [`GrantError::InvalidScope`] when nothing remains of what was asked for.
pub(super) fn sign_in(
    party: Party,
    asked: Option<&str>,
    policy: &Policy,
    lifetime: u64,
) -> Result<Authorization, GrantError> {
    let (subject, groups, capabilities) = match party {
        Party::Client(client) => (Subject::Client(client.client_id), client.groups, Vec::new()),
        Party::Agent(agent) => {
            let (groups, capabilities) = (agent.groups.clone(), agent.capabilities.clone());
            (Subject::Agent(agent), groups, capabilities)
        }
    };
    let of_groups = policy.scopes_for(&groups);
    let held: ScopeSet = capabilities.iter().map(String::as_str).chain(of_groups.iter()).collect();
    let scope = narrowed(held, asked)?;
    let whole = of_groups.is_subset(&scope);
    // An agent without groups has none to say; a client always says its own.
    let said = whole && (matches!(subject, Subject::Client(_)) || !groups.is_empty());
    Ok(Authorization { subject, groups: said.then_some(groups), scope, lifetime, bound: None })
}

/// Binds an agent's token to one MCP server: scope, life and budget, all as of now.
///
/// # Errors
/// [`GrantError::InvalidTarget`], [`GrantError::CapabilityDenied`], [`GrantError::InvalidScope`],
/// [`GrantError::BudgetExceeded`], [`GrantError::InvalidGrant`] for a subject at the end of its life.
pub(super) fn exchange(
    agents: &Agents,
    directory: &Directory,
    subject: &ProvenAgent,
    actor: Option<&ProvenAgent>,
    asked: (&[String], Option<&str>),
    now: u64,
) -> Result<Authorization, GrantError> {
    let (names, scope) = asked;
    let target = target(directory, names)?;
    if let Some(required) = target.required_capability.as_deref().filter(|required| !subject.can(required)) {
        return Err(GrantError::CapabilityDenied(required.to_owned()));
    }
    let held = target.scopes().filter(|scope| subject.can(scope)).collect();
    let scope = narrowed(held, scope)?;
    let left = subject.token.expires_at.saturating_sub(now);
    if left == 0 {
        return Err(GrantError::InvalidGrant { which: "subject_token", why: TokenError::Expired });
    }
    let exceeded =
        |why: crate::agents::Exhausted| GrantError::BudgetExceeded { why, retry_after: why.retry_after(now) };
    tokens_left(directory, &subject.agent, now).map_err(exceeded)?;
    // Last: who is refused for something else has not used a call.
    agents.calls.count(&subject.agent, now).map_err(exceeded)?;
    let act = match actor {
        None => subject.token.act.clone(),
        Some(actor) => Some(acting(actor, subject.token.act.as_ref())),
    };
    Ok(Authorization {
        subject: Subject::Agent(Arc::clone(&subject.agent)),
        groups: None,
        scope,
        lifetime: target.token_lifetime.min(MOST_EXCHANGED).min(left),
        bound: Some(Bound { audience: audience(target, names), from: subject.token.jti.clone(), act }),
    })
}

fn narrowed(held: ScopeSet, asked: Option<&str>) -> Result<ScopeSet, GrantError> {
    let Some(asked) = asked else { return Ok(held) };
    // RFC 6749 section 3.3: spaces separate; a comma is part of a name.
    let asked: ScopeSet = asked.split_whitespace().collect();
    let granted = held.intersection(&asked);
    if granted.is_empty() { Err(GrantError::InvalidScope) } else { Ok(granted) }
}

/// The one MCP server that every name names, exactly as it is spelled.
fn target<'d>(directory: &'d Directory, names: &[String]) -> Result<&'d Arc<McpTarget>, GrantError> {
    let mut found: Option<&Arc<McpTarget>> = None;
    for name in names {
        let unknown = GrantError::InvalidTarget("no MCP server of this organisation has this name");
        let target = directory.target(name).ok_or(unknown)?;
        if found.is_some_and(|found| found.id != target.id) {
            return Err(GrantError::InvalidTarget("a token is bound to one MCP server: two were named"));
        }
        found = Some(target);
    }
    found.ok_or(GrantError::InvalidTarget("name the MCP server, in audience or resource"))
}

/// The server's URI, and the aliases that it was asked for by.
fn audience(target: &McpTarget, names: &[String]) -> Vec<String> {
    let mut audience = vec![target.resource_uri.clone()];
    for name in names {
        if target.aliases.contains(name) && !audience.contains(name) {
            audience.push(name.clone());
        }
    }
    audience
}

/// The current actor outermost.
fn acting(actor: &ProvenAgent, before: Option<&Value>) -> Value {
    let mut act = json!({"sub": actor.agent.subject(), "client_id": actor.agent.client_id});
    if let Some(before) = before {
        act["act"] = before.clone();
    }
    act
}
