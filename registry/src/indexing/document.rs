//! What the index holds of an entry: one document for an agent, and for a server one of its own and one of each tool.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use catalog::{AgentEntry, ServerEntry, Tool, text};
use search::{Field, Text};

use super::key::{Key, Kind};

/// One thing that is found: the entry itself, since whether it is found is decided by what it says of itself at one
/// moment, and by who asks; and by nothing that could change without the index being told.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Agent(Arc<AgentEntry>),
    Server(Arc<ServerEntry>),
    /// A tool, by its place among those of its server.
    Tool(Arc<ServerEntry>, u32),
}

impl Document {
    /// The one of an agent.
    pub(super) fn of_agent(entry: &Arc<AgentEntry>) -> Vec<Document> {
        vec![Document::Agent(entry.clone())]
    }

    /// Those of a server.
    pub(super) fn of_server(entry: &Arc<ServerEntry>) -> Vec<Document> {
        // Of two tools with one name the first one counts, here and wherever a hit is shown.
        let mut names = HashSet::new();
        let tools = (0_u32..).zip(entry.tools.iter()).filter(|(_, tool)| names.insert(tool.name.as_str()));
        let tools = tools.map(|(at, _)| Document::Tool(entry.clone(), at));
        std::iter::once(Document::Server(entry.clone())).chain(tools).collect()
    }

    /// The one of a tool, if the server has it.
    pub(crate) fn of_tool(entry: &Arc<ServerEntry>, name: &str) -> Option<Document> {
        let at = entry.tools.iter().position(|tool| tool.name == name)?;
        Some(Document::Tool(entry.clone(), u32::try_from(at).ok()?))
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Document::Agent(_) => Kind::Agent,
            Document::Server(_) => Kind::Server,
            Document::Tool(..) => Kind::Tool,
        }
    }

    pub(crate) fn key(&self) -> Key {
        match self {
            Document::Agent(entry) => Key::Agent(entry.path.clone()),
            Document::Server(entry) => Key::Server(entry.path.clone()),
            Document::Tool(server, _) => {
                Key::Tool(server.path.clone(), self.tool().map(|tool| tool.name.clone()).unwrap_or_default())
            }
        }
    }

    /// The tool, of one that is a tool.
    pub(crate) fn tool(&self) -> Option<&Tool> {
        match self {
            Document::Tool(server, at) => server.tools.get(*at as usize),
            Document::Agent(_) | Document::Server(_) => None,
        }
    }

    /// What the model reads of it.
    pub(crate) fn embedded(&self) -> String {
        match self {
            Document::Agent(entry) => text::of_agent(entry),
            Document::Server(entry) => text::of_server(entry),
            Document::Tool(server, _) => {
                self.tool().map(|tool| text::of_tool(server, tool)).unwrap_or_default()
            }
        }
    }

    /// Does something with all that it says.
    pub(crate) fn with_text<T>(&self, act: impl FnOnce(&Text<'_>) -> T) -> T {
        let embedded = self.embedded();
        let words: Vec<(u8, Cow<'_, str>)> = match self {
            Document::Agent(entry) => text::words_of_agent(entry),
            Document::Server(entry) => text::words_of_server(entry),
            Document::Tool(server, _) => {
                self.tool().map(|tool| text::words_of_tool(server, tool)).unwrap_or_default()
            }
        };
        let fields: Vec<Field<'_>> =
            words.iter().map(|(weight, text)| Field { text, weight: *weight }).collect();
        act(&Text { embedded: &embedded, fields: &fields })
    }

    /// Whether it is the very same state of the very same entry.
    pub(super) fn is(&self, other: &Document) -> bool {
        use catalog::Entry as _;
        match (self, other) {
            (Document::Agent(one), Document::Agent(other)) => one.etag() == other.etag(),
            (Document::Server(one), Document::Server(other)) => one.etag() == other.etag(),
            (Document::Tool(one, at), Document::Tool(other, there)) => {
                one.etag() == other.etag() && at == there
            }
            (Document::Agent(_) | Document::Server(_) | Document::Tool(..), _) => false,
        }
    }
}
