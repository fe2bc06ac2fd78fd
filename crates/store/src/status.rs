//! How a store is doing, for `/health`, the metrics and the log.

use std::time::Duration;

/// How a store is doing.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// `file` or `postgres`.
    pub kind: &'static str,
    /// Why writes are refused at the moment; `None` when the last one was kept.
    pub fault: Option<String>,
    /// How old the picture of [`crate::EntryStore::catalogue`] may be: the time since it was last known to be
    /// the newest. Zero where all changes are made by this process.
    pub lag: Duration,
    /// Bytes of changes that are not in the snapshot yet; 0 where there is none.
    pub journal_bytes: u64,
}

impl Status {
    /// Both taken together: as bad as the worse of the two.
    pub fn and(self, other: Status) -> Status {
        Status {
            kind: self.kind,
            fault: self.fault.or(other.fault),
            lag: self.lag.max(other.lag),
            journal_bytes: self.journal_bytes + other.journal_bytes,
        }
    }
}
