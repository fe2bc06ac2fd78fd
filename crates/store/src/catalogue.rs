//! All entries of a kind at one moment, in the order of their paths, and the changes that led there.

use std::sync::Arc;

use catalog::{AgentEntry, Entry, EntryPath};
use rpds::RedBlackTreeMapSync;

use crate::{Change, ChangeLog, HistoryLimits};

/// An immutable picture of the store. A change makes a new one that shares what is the same, so its cost
/// does not grow with the number of entries.
#[derive(Clone, Debug)]
pub struct Catalogue<E: Entry = AgentEntry> {
    entries: RedBlackTreeMapSync<EntryPath, Arc<E>>,
    changes: ChangeLog,
}

impl<E: Entry> Default for Catalogue<E> {
    fn default() -> Catalogue<E> {
        Catalogue::with(ChangeLog::after(0, HistoryLimits::default()))
    }
}

impl<E: Entry> Catalogue<E> {
    /// An empty one that remembers changes.
    pub(crate) fn with(changes: ChangeLog) -> Catalogue<E> {
        Catalogue { entries: RedBlackTreeMapSync::new_sync(), changes }
    }

    /// The entry at a path.
    pub fn get(&self, path: &EntryPath) -> Option<&Arc<E>> {
        self.entries.get(path)
    }

    /// Every entry, by path.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<E>> {
        self.entries.values()
    }

    /// How many entries there are.
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
    pub(crate) fn apply(&mut self, change: Change, entry: Option<Arc<E>>) {
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
    pub(crate) fn put(&mut self, entry: Arc<E>) {
        self.entries.insert_mut(entry.path().clone(), entry);
    }

    /// Takes an entry away without a change: while a picture is being read.
    pub(crate) fn take(&mut self, path: &EntryPath) {
        self.entries.remove_mut(path);
    }
}
