//! What one caller may find, resolved once for a search: the filter inside the search, and what the hits are
//! decided with once more on the entries of now.

use std::collections::HashMap;
use std::sync::OnceLock;

use access::{Action, Calls, View};
use catalog::{AgentEntry, ServerEntry, Tool};
use store::Catalogue;

use super::document::Facts;
use super::key::Kind;
use crate::identity::Caller;

/// The method by which a tool is called.
const TOOLS_CALL: &str = "tools/call";

/// What one caller may find. Disabled entries nobody finds.
pub(crate) struct Sight<'c> {
    caller: &'c Caller,
    agents: View<'c>,
    catalogue: &'c Catalogue<ServerEntry>,
    /// The servers that he may see, by the name that policies have for them, and what he may call of each;
    /// resolved when the first one is asked for.
    servers: OnceLock<HashMap<&'c str, Calls<'c>, ahash::RandomState>>,
}

impl<'c> Sight<'c> {
    /// What he may find among all agents and these servers.
    pub(crate) fn new(caller: &'c Caller, servers: &'c Catalogue<ServerEntry>) -> Sight<'c> {
        let agents = caller.view(Action::ListAgents);
        Sight { caller, agents, catalogue: servers, servers: OnceLock::new() }
    }

    /// Whether he finds this agent.
    pub(crate) fn agent(&self, entry: &AgentEntry) -> bool {
        entry.enabled && self.agents.sees(&entry.resource)
    }

    /// Whether he finds this server.
    pub(crate) fn server(&self, entry: &ServerEntry) -> bool {
        self.servers().contains_key(entry.policy_name())
    }

    /// Whether he finds this tool of a server: he may call it.
    pub(crate) fn tool(&self, server: &ServerEntry, tool: &str) -> bool {
        self.calls(server.policy_name(), tool)
    }

    /// The tools of a server that he may call.
    pub(crate) fn tools<'e>(&self, server: &'e ServerEntry) -> impl Iterator<Item = &'e Tool> {
        server.tools.iter().filter(|tool| self.tool(server, &tool.name))
    }

    fn servers(&self) -> &HashMap<&'c str, Calls<'c>, ahash::RandomState> {
        self.servers.get_or_init(|| {
            let Sight { caller, catalogue, .. } = *self;
            let listed = caller.view(Action::ListService);
            let seen = catalogue.iter().filter(|server| server.enabled && listed.sees(&server.resource));
            let names = seen.map(|server| server.policy_name());
            names.map(|name| (name, caller.policy.calls(&caller.who.scopes, name))).collect()
        })
    }

    fn calls(&self, server: &str, tool: &str) -> bool {
        self.servers().get(server).is_some_and(|calls| calls.may(TOOLS_CALL, Some(tool)))
    }

    /// The same of what the index knows.
    pub(super) fn sees(&self, facts: &Facts) -> bool {
        match facts {
            Facts::Agent { resource, enabled } => *enabled && self.agents.sees(resource),
            Facts::Server { name } => self.servers().contains_key(&**name),
            Facts::Tool { server, name } => self.calls(server, name),
        }
    }
}

impl Facts {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Facts::Agent { .. } => Kind::Agent,
            Facts::Server { .. } => Kind::Server,
            Facts::Tool { .. } => Kind::Tool,
        }
    }
}
