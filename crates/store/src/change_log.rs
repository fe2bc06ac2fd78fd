//! The latest changes, bounded: what history and followers read.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use catalog::EntryPath;
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};

use crate::Change;

/// Bytes of changes that are remembered at most, whatever their number: who writes long cards must not fill
/// the memory.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Changes in all. A follower who is further behind must read everything anew.
    pub total: usize,
    /// Changes of one entry. Followers lose nothing by it: a later change of the same entry is there, and
    /// where the forgotten one changed who sees it, they must read everything anew.
    pub per_entry: usize,
}

impl Default for HistoryLimits {
    fn default() -> HistoryLimits {
        HistoryLimits { total: 10_000, per_entry: 100 }
    }
}

/// The largest number that every reader of JSON keeps exactly (2^53).
pub(crate) const MAX_NUMBER: u64 = 1 << 53;

/// The number that changes go on from after something that no change tells of.
pub(crate) fn jump(now: u64) -> u64 {
    (now << 10).min(MAX_NUMBER / 2)
}

/// The latest changes, in their order. Cloning it is cheap, and a clone stays as it is.
#[derive(Clone, Debug)]
pub struct ChangeLog {
    changes: RedBlackTreeMapSync<u64, Arc<Change>>,
    of_entry: HashTrieMapSync<EntryPath, Arc<VecDeque<u64>>>,
    /// The number of the latest change.
    last: u64,
    /// Whoever knows the changes up to here can follow on.
    floor: u64,
    /// What the changes weigh, see [`Change::weight`].
    bytes: usize,
    limits: HistoryLimits,
}

impl ChangeLog {
    /// Without a change, after the change `last`.
    pub(crate) fn after(last: u64, limits: HistoryLimits) -> ChangeLog {
        ChangeLog {
            changes: RedBlackTreeMapSync::new_sync(),
            of_entry: HashTrieMapSync::new_sync(),
            last,
            floor: last,
            bytes: 0,
            limits,
        }
    }

    /// The number of the latest change; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The changes after the one with this number, in their order. `None` when some of them are forgotten
    /// by now, or the number lies in the future: the follower knows another store's changes.
    pub fn since(&self, number: u64) -> Option<impl Iterator<Item = &Arc<Change>>> {
        let range = (Bound::Excluded(number), Bound::Unbounded);
        (self.floor <= number && number <= self.last)
            .then(|| self.changes.range(range).map(|(_, change)| change))
    }

    /// The changes of one entry that are remembered, the latest first.
    pub fn of(&self, path: &EntryPath) -> impl Iterator<Item = &Arc<Change>> {
        let numbers = self.of_entry.get(path).into_iter().flat_map(|numbers| numbers.iter().rev());
        numbers.filter_map(|number| self.changes.get(number))
    }

    /// Every change that is remembered, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Change>> {
        self.changes.values()
    }

    /// What a follower must know at least, to follow on.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Notes that something happened that no change tells of: whoever follows must read everything anew.
    ///
    /// The numbers jump to the time, so that none is given again that another life of this store (lost, put
    /// back from a copy, edited) may have given: at 1024 numbers a second no life has come that far.
    pub(crate) fn interrupt(&mut self, now: u64) {
        self.last = (self.last + 1).max(jump(now));
        self.floor = self.last;
    }

    /// Whoever follows must read everything anew: what he knows may not be what happened here.
    pub(crate) fn begin_anew(&mut self) {
        self.floor = self.last;
    }

    /// The change with this number, if it is remembered.
    pub(crate) fn at(&self, number: u64) -> Option<&Arc<Change>> {
        self.changes.get(&number)
    }

    /// The changes that are remembered from one to another, both included.
    pub(crate) fn between(&self, first: u64, last: u64) -> impl Iterator<Item = &Arc<Change>> {
        self.changes.range(first..=last).map(|(_, change)| change)
    }

    /// Goes on after the change `last`, if that is ahead: what lies between is not known.
    pub(crate) fn skip_to(&mut self, last: u64) {
        if last > self.last {
            (self.last, self.floor) = (last, last);
        }
    }

    /// Takes up one more. Changes come in their order.
    pub(crate) fn push(&mut self, change: Arc<Change>) {
        let (number, path) = (change.number, change.path.clone());
        self.last = self.last.max(number);
        self.bytes += change.weight();
        self.changes.insert_mut(number, change);
        let mut numbers = self.of_entry.get(&path).cloned().unwrap_or_default();
        let held = Arc::make_mut(&mut numbers);
        held.push_back(number);
        if held.len() > self.limits.per_entry
            && let Some(oldest) = held.pop_front()
        {
            self.forget(oldest);
        }
        self.of_entry.insert_mut(path, numbers);
        while self.changes.size() > self.limits.total || (self.bytes > MAX_BYTES && self.changes.size() > 1) {
            self.forget_oldest();
        }
    }

    /// Forgets a change whose entry has later ones.
    fn forget(&mut self, number: u64) {
        let Some(change) = self.changes.get(&number) else { return };
        if change.before.is_some() && change.before != change.after {
            // Whoever could see the entry until this change and cannot since would not hear of it.
            self.floor = self.floor.max(number);
        }
        self.bytes -= change.weight();
        self.changes.remove_mut(&number);
    }

    fn forget_oldest(&mut self) {
        let Some((number, path)) =
            self.changes.first().map(|(number, change)| (*number, change.path.clone()))
        else {
            return;
        };
        self.floor = self.floor.max(number);
        self.changes.remove_mut(&number);
        let mut numbers = self.of_entry.get(&path).cloned().unwrap_or_default();
        // The oldest of all is the oldest of its entry.
        Arc::make_mut(&mut numbers).pop_front();
        if numbers.is_empty() {
            self.of_entry.remove_mut(&path);
        } else {
            self.of_entry.insert_mut(path, numbers);
        }
    }
}
