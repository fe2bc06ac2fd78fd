//! Which rows a caller finds, kept for his next question and caught up with what has changed since.
//!
//! Rows are decided one by one, by their facts alone. So a caller's rows are those of the last time, but for the rows
//! that have changed; and a change of rows that are not his and were not leaves all as it is, to the byte.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use moka::sync::Cache;

use crate::lexical::Vocabulary;
use crate::rows::{RowSet, Rows};

/// Bytes of kept rows, as they are reckoned: a caller's rows take 4 bytes each, and the words that he asks about some
/// more (1 MB at the most in a small catalogue, of which a quarter is reckoned).
const ROOM: u64 = 256 << 20;
const PER_ROW: usize = 16;
const OVERHEAD: usize = 256 << 10;

/// Some caller's rows, and what is known of the words in them.
pub(crate) struct Members {
    /// No other members have it: what was worked out of these holds for these.
    pub(crate) id: u64,
    pub(crate) set: RowSet,
    vocabulary: OnceLock<Vocabulary>,
}

impl Members {
    pub(crate) fn vocabulary<F>(&self, rows: &Rows<F>) -> &Vocabulary {
        self.vocabulary.get_or_init(|| rows.lexicon().vocabulary(&self.set))
    }

    fn new(set: RowSet) -> Arc<Self> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { id: IDS.fetch_add(1, Ordering::Relaxed), set, vocabulary: OnceLock::new() })
    }

    fn of<F>(rows: &Rows<F>, is_member: impl Fn(&F) -> bool) -> Arc<Self> {
        let members = rows.all().filter(|(_, row)| is_member(&row.facts));
        Self::new(members.map(|(at, _)| at).collect())
    }
}

#[derive(Clone)]
struct Kept {
    /// The version of the rows for which this was so.
    version: u64,
    members: Arc<Members>,
}

/// The rows of many callers, each under a name that stands for all that decides beside a row's facts.
pub(crate) struct Views(Cache<Box<str>, Kept, ahash::RandomState>);

impl Views {
    pub(crate) fn new() -> Self {
        let cache = Cache::<Box<str>, Kept>::builder().max_capacity(ROOM).weigher(|name, kept| {
            let bytes = name.len() + OVERHEAD + kept.members.set.bytes() + PER_ROW * kept.members.set.len();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        });
        Self(cache.build_with_hasher(ahash::RandomState::new()))
    }

    /// The members of this name, now.
    pub(crate) fn members<F>(
        &self,
        name: &str,
        rows: &Rows<F>,
        is_member: impl Fn(&F) -> bool,
    ) -> Arc<Members> {
        let version = rows.version();
        let members = match self.0.get(name) {
            Some(kept) if kept.version == version => return kept.members,
            Some(kept) => caught_up(&kept, rows, &is_member),
            None => None,
        };
        let members = members.unwrap_or_else(|| Members::of(rows, is_member));
        self.0.insert(name.into(), Kept { version, members: members.clone() });
        members
    }

    /// The members for one question that nobody will ask again.
    pub(crate) fn once<F>(rows: &Rows<F>, is_member: impl Fn(&F) -> bool) -> Arc<Members> {
        Members::of(rows, is_member)
    }

    /// Forgets what is kept under a name.
    pub(crate) fn forget(&self, name: &str) {
        self.0.invalidate(name);
    }
}

/// What was kept, with the rows that have changed since; none when that is more than it is worth.
fn caught_up<F>(kept: &Kept, rows: &Rows<F>, is_member: impl Fn(&F) -> bool) -> Option<Arc<Members>> {
    let mut changes = BTreeMap::new();
    for row in rows.changed_since(kept.version)? {
        changes.entry(row).or_insert_with(|| rows.get(row).is_some_and(|row| is_member(&row.facts)));
    }
    let set = &kept.members.set;
    if changes.iter().all(|(row, is_member)| !is_member && !set.contains(*row)) {
        return Some(kept.members.clone());
    }
    Some(Members::new(set.with(&changes)))
}
