//! What the index holds of an entry: one text for an agent, and for a server one of its own and one of each tool.

use std::collections::HashSet;
use std::sync::Arc;

use access::Resource;
use catalog::{AgentEntry, ServerEntry, text};

use super::key::Key;

/// One text, under its key, with what the filter inside the search needs.
pub(super) struct Document {
    pub(super) key: Key,
    pub(super) text: String,
    pub(super) facts: Facts,
}

/// What the filter inside the search needs of what was found. Of a server and its tools that is the name alone:
/// whether the server is enabled, and what may be called of it, is resolved once for a search ([`super::Sight`]),
/// not kept with each of its tools.
#[derive(Clone)]
pub(super) enum Facts {
    Agent { resource: Arc<Resource>, enabled: bool },
    Server { name: Arc<str> },
    Tool { server: Arc<str>, name: Arc<str> },
}

pub(super) fn of_agent(entry: &AgentEntry) -> Vec<Document> {
    vec![Document {
        key: Key::Agent(entry.path.clone()),
        text: text::of_agent(entry),
        facts: Facts::Agent { resource: entry.resource.clone(), enabled: entry.enabled },
    }]
}

pub(super) fn of_server(entry: &ServerEntry) -> Vec<Document> {
    let server: Arc<str> = entry.policy_name().into();
    let mut documents = vec![Document {
        key: Key::Server(entry.path.clone()),
        text: text::of_server(entry),
        facts: Facts::Server { name: server.clone() },
    }];
    // Of two tools with one name the first one counts, here and wherever a hit is shown.
    let mut names = HashSet::new();
    let tools = entry.tools.iter().filter(|tool| names.insert(tool.name.as_str()));
    documents.extend(tools.map(|tool| Document {
        key: Key::Tool(entry.path.clone(), tool.name.clone()),
        text: text::of_tool(entry, tool),
        facts: Facts::Tool { server: server.clone(), name: tool.name.as_str().into() },
    }));
    documents
}
