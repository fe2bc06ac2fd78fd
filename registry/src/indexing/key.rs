//! What can be found, and the name that each thing has inside the index.

use std::fmt;

use catalog::EntryPath;

/// The kinds of things that are found by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Agent,
    Server,
    Tool,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Agent, Kind::Server, Kind::Tool];
}

/// One thing that is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Agent(EntryPath),
    Server(EntryPath),
    /// A tool, by its server's path and its name.
    Tool(EntryPath, String),
}

impl Key {
    /// The engine's spelling: a letter for the kind, the path, and behind it a tool's name, whatever is in that.
    /// A server's path is one segment, so that the next slash ends it. Equal scores are in this order.
    pub(crate) fn spelled(&self) -> String {
        match self {
            Key::Agent(path) => format!("a{path}"),
            Key::Server(path) => format!("s{path}"),
            Key::Tool(server, name) => format!("t{server}/{name}"),
        }
    }

    /// Reads [`Key::spelled`].
    pub(super) fn read(spelled: &str) -> Option<Key> {
        if let Some(path) = spelled.strip_prefix('a') {
            return EntryPath::parse(path).ok().map(Key::Agent);
        }
        if let Some(path) = spelled.strip_prefix('s') {
            return EntryPath::parse(path).ok().map(Key::Server);
        }
        let (server, name) = spelled.strip_prefix("t/")?.split_once('/')?;
        Some(Key::Tool(EntryPath::parse(&format!("/{server}")).ok()?, name.to_owned()))
    }
}

/// As people read it.
impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Agent(path) => write!(out, "agent {path}"),
            Key::Server(path) => write!(out, "server {path}"),
            // A server names its tools as it likes.
            Key::Tool(server, name) => write!(out, "tool {name:?} of server {server}"),
        }
    }
}

/// Where something lives whose index entries come and go together: an agent alone, a server with its tools.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Agent(EntryPath),
    Server(EntryPath),
}

impl From<&Key> for Place {
    fn from(key: &Key) -> Place {
        match key {
            Key::Agent(path) => Place::Agent(path.clone()),
            Key::Server(path) | Key::Tool(path, _) => Place::Server(path.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_things_have_one_name() {
        let path = |text: &str| EntryPath::parse(text).expect("a path");
        let tool = |server: &str, name: &str| Key::Tool(path(server), name.to_owned());
        let keys = [
            Key::Agent(path("/a")),
            Key::Agent(path("/a/b")),
            Key::Agent(path("/t/a")),
            Key::Server(path("/a")),
            tool("/a", "b"),
            tool("/a", "b/c"),
            tool("/a", "/b"),
            tool("/a", ""),
            tool("/a", "/tools/ü\n\0"),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(Key::read(&key.spelled()).as_ref(), Some(key));
            assert!(keys[..at].iter().all(|other| other.spelled() != key.spelled()), "{key:?}");
        }
        assert_eq!(Key::read("x/a"), None);
    }
}
