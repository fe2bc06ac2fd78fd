//! All agents of one moment, in the order of their paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{AgentEntry, EntryPath};

/// An immutable picture of the store.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: BTreeMap<EntryPath, Arc<AgentEntry>>,
}

impl Catalogue {
    /// The agent at a path.
    pub fn get(&self, path: &EntryPath) -> Option<&Arc<AgentEntry>> {
        self.entries.get(path)
    }

    /// Every agent, by path.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<AgentEntry>> {
        self.entries.values()
    }

    /// How many agents there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn put(&mut self, entry: Arc<AgentEntry>) {
        self.entries.insert(entry.path.clone(), entry);
    }

    pub(crate) fn take(&mut self, path: &EntryPath) {
        self.entries.remove(path);
    }
}
