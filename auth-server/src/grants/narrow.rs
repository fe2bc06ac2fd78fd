//! What a proven party gets: never more than it holds today, never more than it asks for.

use std::sync::Arc;

use access::{Policy, ScopeSet};
use serde_json::{Value, json};
use store::directory::{AgentIdentity, Directory, McpTarget};
use token::TokenError;

use super::client::Party;
use super::error::GrantError;
use super::token_exchange::Parties;
use crate::agents::{Agents, Exhausted, tokens_left};
use crate::validate::server_of;

/// Life of a token bound to an MCP server, at most, in seconds.
const MOST_EXCHANGED: u64 = 600;

/// Permission to sign. Its fields are private to this file: nothing else can make one.
#[derive(Debug)]
pub(super) struct Authorization {
    subject: Subject,
    groups: Option<Vec<String>>,
    scope: ScopeSet,
    /// Whether an agent asked for certain scopes: the token then never opens more, whatever its groups give.
    narrowed: bool,
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

    /// Whether the token's scope bounds what its groups give.
    pub(super) fn is_narrowed(&self) -> bool {
        self.narrowed
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
/// A client's token that holds less than the client does carries no groups: groups are mapped to scopes at each
/// use and would bring all of them back. The price is that such a token sees nothing that is shown to groups
/// alone. An agent's token that was narrowed says so, and never brings more than its `scope` says, so it carries
/// the groups it has a scope of, and those that give none: an agent that asks for what it had last time loses
/// nothing because a group gives more by now.
///
/// # Errors
/// [`GrantError::InvalidScope`] when nothing remains of what was asked for.
pub(super) fn sign_in(
    party: Party,
    asked: Option<&str>,
    policy: &Policy,
    lifetime: u64,
) -> Result<Authorization, GrantError> {
    match party {
        Party::Client(client) => {
            let held = policy.scopes_for(&client.groups);
            let scope = narrowed(held.clone(), asked)?;
            let groups = held.is_subset(&scope).then_some(client.groups);
            Ok(Authorization {
                subject: Subject::Client(client.client_id),
                groups,
                scope,
                narrowed: false,
                lifetime,
                bound: None,
            })
        }
        Party::Agent(agent) => {
            let of_groups = policy.scopes_for(&agent.groups);
            let held = agent.capabilities.iter().map(String::as_str).chain(of_groups.iter()).collect();
            let scope = narrowed(held, asked)?;
            let fits = |group: &&String| {
                let given = policy.scopes_for(std::slice::from_ref(*group));
                // What gives no scope has none to be narrowed.
                asked.is_none() || given.is_empty() || given.iter().any(|given| scope.contains(given))
            };
            let groups: Vec<String> = agent.groups.iter().filter(fits).cloned().collect();
            let groups = Some(groups).filter(|groups| !groups.is_empty());
            let narrowed = asked.is_some();
            Ok(Authorization {
                subject: Subject::Agent(agent),
                groups,
                scope,
                narrowed,
                lifetime,
                bound: None,
            })
        }
    }
}

/// Binds an agent's token to one MCP server: agent, scope, life and budget, all as of now. `names` are those that the
/// server was asked for by, and with them the gateway's address.
///
/// # Errors
/// [`GrantError::InvalidTarget`], [`GrantError::CapabilityDenied`], [`GrantError::InvalidScope`],
/// [`GrantError::BudgetExceeded`], [`GrantError::InvalidGrant`] for a subject at the end of its life.
pub(super) fn exchange(
    agents: &Agents,
    parties: &Parties,
    (names, public_url): (&[String], &str),
    asked: Option<&str>,
    now: u64,
) -> Result<Authorization, GrantError> {
    let directory = &*agents.now().map_err(|_| GrantError::Store)?;
    let subject = &parties.subject;
    let (target, names) = match parties.by_seal {
        true => behind_the_gateway(directory, names, public_url, subject.token.server.as_deref())?,
        false => (target(directory, names)?, names.to_vec()),
    };
    if let Some(required) = target.required_capability.as_deref().filter(|required| !subject.can(required)) {
        return Err(GrantError::CapabilityDenied(required.to_owned()));
    }
    let scope = narrowed(target.scopes().filter(|scope| subject.can(scope)).collect(), asked)?;
    if scope.is_empty() && target.scopes().next().is_some() {
        return Err(GrantError::InvalidScope);
    }
    let left = subject.token.expires_at.saturating_sub(now);
    if left == 0 {
        return Err(GrantError::InvalidGrant { which: "subject_token", why: TokenError::Expired });
    }
    let exceeded = |why: Exhausted| GrantError::BudgetExceeded { why, retry_after: why.retry_after(now) };
    tokens_left(directory, &subject.agent, now).map_err(exceeded)?;
    // Last: who is refused for something else has not used a call.
    agents.calls.count(&subject.agent, now).map_err(exceeded)?;
    Ok(Authorization {
        lifetime: target.token_lifetime.min(MOST_EXCHANGED).min(left),
        bound: Some(Bound {
            audience: audience(target, &names),
            from: subject.token.jti.clone(),
            // RFC 8693 section 4.1. A base token has no actor yet, so this one is the only one.
            act: parties.actor.as_ref().map(|actor| {
                let agent = &actor.agent;
                json!({"sub": agent.subject(), "client_id": agent.client_id, "agent_id": agent.agent_id})
            }),
        }),
        subject: Subject::Agent(Arc::clone(&subject.agent)),
        groups: None,
        scope,
        narrowed: false,
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

/// The target of an exchange by a seal, and the names of it that are none of the gateway's.
///
/// A seal opens no more than its request did: that was for one MCP server behind this gateway, and the registry says
/// which (`resource`) beside the audience that the server's card asks for. The two belong together only if the
/// target itself names the server's address here. So who may write cards, and no targets, cannot have tokens made
/// that turn a server's callers against another one; and a request whose token was bound to a server stays with it.
fn behind_the_gateway<'d>(
    directory: &'d Directory,
    names: &[String],
    public_url: &str,
    bound: Option<&str>,
) -> Result<(&'d Arc<McpTarget>, Vec<String>), GrantError> {
    let server_of = |name: &str| server_of(name, public_url).map(str::to_owned);
    let (addresses, others): (Vec<String>, Vec<String>) =
        names.iter().cloned().partition(|name| server_of(name).is_some());
    let Some(server) = addresses.first().and_then(|address| server_of(address)) else {
        let message = "name the MCP server's address behind the gateway, in resource";
        return Err(GrantError::InvalidTarget(message));
    };
    let is_it = |name: &str| server_of(name).as_ref() == Some(&server);
    if !addresses.iter().all(|address| is_it(address)) || bound.is_some_and(|bound| bound != server) {
        return Err(GrantError::InvalidTarget("the request was for another MCP server"));
    }
    let target = target(directory, if others.is_empty() { &addresses } else { &others })?;
    if !target.names().any(is_it) {
        let message =
            "this audience does not have the MCP server's address behind the gateway among its names";
        return Err(GrantError::InvalidTarget(message));
    }
    Ok((target, others))
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
