//! Small agents, and permits to write them.

use access::{Action, Permit, Policy, Principal, Resource, ScopeSet, Visibility};
use catalog::{AgentEntry, EntryPath};
use serde_json::json;

pub(crate) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).expect("a path")
}

pub(crate) fn entry(at: &str, description: &str) -> AgentEntry {
    let card = json!({"name": "N", "description": description, "path": at, "registered_by": "me"});
    AgentEntry::from_card(path(at), card.as_object().expect("an object").clone()).expect("an entry")
}

pub(crate) fn permit(action: Action, at: &str) -> Permit {
    let scopes = ScopeSet::parse("a2a-agent-admin");
    let admin = Principal { username: "me".to_owned(), scopes, ..Principal::default() };
    let resource = Resource::entry(at, "me", Visibility::Public, Vec::new());
    Policy::parse("").expect("a policy").decide(&admin, action, &resource).expect("an admin may")
}
