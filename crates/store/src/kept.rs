//! What each kind of entry is called where it is kept. Agents were there first: their names say no kind.

use catalog::{AgentEntry, Entry, ServerEntry};

/// A kind of entry that a store keeps, and the names of what holds it.
pub trait Kept: Entry {
    /// The file with the changes since the snapshot.
    const JOURNAL: &'static str;
    /// The table of the changes.
    const CHANGES: &'static str;
    /// The table with the number of the latest change.
    const COUNTER: &'static str;
    /// Where the database tells of changes.
    const CHANNEL: &'static str;
}

impl Kept for AgentEntry {
    const JOURNAL: &'static str = "registry.journal";
    const CHANGES: &'static str = "changes";
    const COUNTER: &'static str = "counter";
    const CHANNEL: &'static str = "registry_changes";
}

impl Kept for ServerEntry {
    const JOURNAL: &'static str = "server.journal";
    const CHANGES: &'static str = "server_changes";
    const COUNTER: &'static str = "server_counter";
    const CHANNEL: &'static str = "registry_server_changes";
}
