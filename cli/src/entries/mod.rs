//! What lives at a path of the registry, agents and MCP servers: kept with the same calls, told in the same words.

mod cards;
mod keep;
mod list;
mod options;
mod publish;
mod show;

use access::Action;
use catalog::{AgentDraft, CardRules, EntryPath, Faults, ServerDraft};
use serde_json::{Map, Value};

pub(crate) use self::cards::{Card, bytes_of, object_of, open, read, read_all};
pub(crate) use self::keep::{Update, delete, toggle, update};
pub(crate) use self::list::{every, list, read_one};
pub(crate) use self::options::{Switch, tag};
pub(crate) use self::publish::register;
pub(crate) use self::show::{Field, facts_of, get, words};

/// One kind of entry.
pub(crate) struct Kind {
    /// The command that keeps them, which is also what people call one.
    pub(crate) word: &'static str,
    /// What people call several, and where they are in the API.
    pub(crate) plural: &'static str,
    /// Where new ones are sent.
    register: &'static str,
    publish: Action,
    read: Action,
    list: Action,
    change: Action,
    switch: Action,
    remove: Action,
    /// Where a card wants to live, if that can be told.
    wanted_path: fn(&Map<String, Value>) -> Option<EntryPath>,
    /// All that no server of this version lets pass.
    check: fn(Map<String, Value>) -> Result<(), Faults>,
}

/// Agents.
pub(crate) const AGENT: Kind = Kind {
    word: "agent",
    plural: "agents",
    register: "/api/agents/register",
    publish: Action::PublishAgent,
    read: Action::GetAgent,
    list: Action::ListAgents,
    change: Action::ModifyAgent,
    switch: Action::ModifyAgent,
    remove: Action::DeleteAgent,
    wanted_path: AgentDraft::wanted_path,
    check: |card| AgentDraft::read(card, LOOSEST).map(drop),
};

/// MCP servers.
pub(crate) const SERVER: Kind = Kind {
    word: "server",
    plural: "servers",
    register: "/api/servers",
    publish: Action::RegisterService,
    read: Action::ListService,
    list: Action::ListService,
    change: Action::ModifyService,
    switch: Action::ToggleService,
    remove: Action::ModifyService,
    wanted_path: ServerDraft::wanted_path,
    check: |card| ServerDraft::read(card, LOOSEST).map(drop),
};

/// The loosest rules an operator can set: what breaks these is taken by no server of this version.
/// Stricter ones are the server's business, which has the last word.
const LOOSEST: CardRules = CardRules { allow_plain_http: true };

impl Kind {
    /// The address of an entry in the registry's API.
    pub(crate) fn address(&self, path: &EntryPath) -> String {
        format!("/api/{}/{}", self.plural, path.as_segment())
    }
}
