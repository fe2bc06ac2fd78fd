//! What one caller may find, resolved once for a search: the filter inside the search, and what the hits are
//! decided with once more on the entries of now.

use access::{Action, View};
use catalog::{AgentEntry, ServerEntry, Tool};

use super::document::Document;
use crate::identity::Caller;

/// The method by which a tool is called.
const TOOLS_CALL: &str = "tools/call";

/// What one caller may find. Disabled entries nobody finds.
pub(crate) struct Sight<'c> {
    caller: &'c Caller,
    agents: View<'c>,
    servers: View<'c>,
}

impl<'c> Sight<'c> {
    pub(crate) fn new(caller: &'c Caller) -> Sight<'c> {
        let (agents, servers) = (caller.view(Action::ListAgents), caller.view(Action::ListService));
        Sight { caller, agents, servers }
    }

    /// Whether he finds this; nothing but what it says of itself, and [`Sight::class`], has a say.
    pub(crate) fn sees(&self, document: &Document) -> bool {
        match document {
            Document::Agent(entry) => self.agent(entry),
            Document::Server(entry) => self.server(entry),
            Document::Tool(server, _) => {
                document.tool().is_some_and(|tool| self.server(server) && self.calls(server, &tool.name))
            }
        }
    }

    /// The tools of a server that he may call.
    pub(crate) fn tools<'e>(&self, server: &'e ServerEntry) -> impl Iterator<Item = &'e Tool> {
        let calls = self.caller.policy.calls(&self.caller.who.scopes, server.policy_name());
        server.tools.iter().filter(move |tool| calls.may(TOOLS_CALL, Some(&tool.name)))
    }

    fn agent(&self, entry: &AgentEntry) -> bool {
        entry.enabled && self.agents.sees(&entry.resource)
    }

    fn server(&self, entry: &ServerEntry) -> bool {
        entry.enabled && self.servers.sees(&entry.resource)
    }

    fn calls(&self, server: &ServerEntry, tool: &str) -> bool {
        let Caller { policy, who, .. } = self.caller;
        policy.may_call(&who.scopes, server.policy_name(), TOOLS_CALL, Some(tool))
    }

    /// All that decides beside a document: callers of one class find the same. An admin sees whatever his scopes
    /// reach, whoever he is.
    pub(super) fn class(&self) -> String {
        let Caller { policy, who, .. } = self.caller;
        let sorted = |words: &mut Vec<&str>| {
            words.sort_unstable();
            words.dedup();
        };
        let mut scopes: Vec<&str> = who.scopes.iter().collect();
        sorted(&mut scopes);
        if policy.is_admin(who) {
            return format!("{} {scopes:?}", policy.version());
        }
        let mut groups: Vec<&str> = who.groups.iter().map(String::as_str).collect();
        sorted(&mut groups);
        format!("{} {scopes:?} {:?} {groups:?}", policy.version(), who.username)
    }

    /// Whether nothing can ever be hidden from him but what is disabled, which he sees elsewhere.
    pub(super) fn is_open(&self) -> bool {
        let Caller { policy, who, .. } = self.caller;
        self.agents.sees_everything()
            && self.servers.sees_everything()
            && policy.may_call_every_tool(&who.scopes)
    }
}
