//! What a genuine token of our own opens now: less than it says, once its agent, its MCP server or whoever acts for
//! it has lost something.

use access::{Policy, ScopeSet};
use serde_json::Value;
use store::directory::{AgentIdentity, Directory, McpTarget};
use token::Claims;

use super::{active, is_revoked};

/// A genuine token, and what it is looked up in.
pub(crate) struct Counted<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) claims: &'a Claims,
    /// The MCP server that it is bound to.
    pub(crate) target: Option<&'a McpTarget>,
}

impl Counted<'_> {
    /// What it opens now; `None` when that is nothing: it was revoked, its agent or whoever acts for it is
    /// suspended, or what its server asks for was taken.
    pub(crate) fn scope(&self, policy: &Policy) -> Option<ScopeSet> {
        let said: ScopeSet = self.text(self.claims, "scope").split_whitespace().collect();
        let jti = self.text(self.claims, "jti");
        if !self.claims.contains_key("agent_id") {
            return (!is_revoked(self.directory, jti)).then_some(said);
        }
        let agent = active(self.directory, self.text(self.claims, "agent_id"), jti).ok()?;
        if let Some(actor) = self.actor() {
            let actor = self.directory.agent(actor)?;
            if !actor.is_active() {
                return None;
            }
        }
        let required = self.target.and_then(|target| target.required_capability.as_deref());
        if required.is_some_and(|required| !agent.holds(required)) {
            return None;
        }
        let left = said.intersection(&self.held(&agent, policy));
        (!left.is_empty() || said.is_empty()).then_some(left)
    }

    /// The id of whoever acts for the agent (RFC 8693 section 4.1); empty where an actor has none.
    pub(crate) fn actor(&self) -> Option<&str> {
        match self.claims.get("act") {
            Some(Value::Object(actor)) => Some(self.text(actor, "agent_id")),
            Some(_) => Some(""),
            None => None,
        }
    }

    /// What the agent holds now, as far as the token's server knows it.
    fn held(&self, agent: &AgentIdentity, policy: &Policy) -> ScopeSet {
        let capabilities = agent.capabilities.iter().map(String::as_str);
        match self.target {
            Some(target) => {
                let known: ScopeSet = target.scopes().collect();
                capabilities.filter(|capability| known.contains(capability)).collect()
            }
            None => capabilities.chain(policy.scopes_for(&agent.groups).iter()).collect(),
        }
    }

    fn text<'c>(&self, claims: &'c Claims, name: &str) -> &'c str {
        claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}
