//! All agents of one moment, in the order of their paths, and the changes that led there.

use std::sync::Arc;

use catalog::{AgentEntry, EntryPath};
use rpds::RedBlackTreeMapSync;

use crate::{Change, ChangeLog, HistoryLimits};

/// An immutable picture of the store. A change makes a new one that shares what is the same, so its cost
/// does not grow with the number of agents.
#[derive(Clone, Debug)]
pub struct Catalogue {
    entries: RedBlackTreeMapSync<EntryPath, Arc<AgentEntry>>,
    changes: ChangeLog,
}

impl Default for Catalogue {
    fn default() -> Catalogue {
        Catalogue::with(ChangeLog::after(0, HistoryLimits::default()))
    }
}

impl Catalogue {
    /// An empty one that remembers changes.
    pub(crate) fn with(changes: ChangeLog) -> Catalogue {
        Catalogue { entries: RedBlackTreeMapSync::new_sync(), changes }
    }

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
        self.entries.size()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The latest changes, up to this picture.
    pub fn changes(&self) -> &ChangeLog {
        &self.changes
    }

    /// Applies a change and remembers it; `entry` is what lives at its path since.
    pub(crate) fn apply(&mut self, change: Change, entry: Option<Arc<AgentEntry>>) {
        match entry {
            Some(entry) => self.put(entry),
            None => self.take(&change.path),
        }
        self.changes.push(Arc::new(change));
    }

    /// The memory of changes, to be mended while a picture is being read.
    pub(crate) fn changes_mut(&mut self) -> &mut ChangeLog {
        &mut self.changes
    }

    /// Puts an entry in its place without a change: while a picture is being read.
    pub(crate) fn put(&mut self, entry: Arc<AgentEntry>) {
        self.entries.insert_mut(entry.path.clone(), entry);
    }

    /// Takes an entry away without a change: while a picture is being read.
    pub(crate) fn take(&mut self, path: &EntryPath) {
        self.entries.remove_mut(path);
    }
}
