//! Who has changed an entry, when, and what: as far as somebody may know.

use std::sync::Arc;

use access::View;
use catalog::{Entry, EntryPath};
use store::{Catalogue, Change};

use crate::changes::lives;

/// Which part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Only changes with a smaller number.
    pub(crate) before: Option<u64>,
    pub(crate) limit: usize,
}

/// A part of it.
pub(crate) struct History {
    /// The latest first.
    pub(crate) changes: Vec<Arc<Change>>,
    /// How many are remembered for the caller in all.
    pub(crate) total: usize,
}

/// The history at a path, as far as the caller may read the entries that have lived there: the one of now,
/// and each that is gone by what it was at its end. One that he may not read is as if it had never been;
/// `None` when nothing is left to tell.
pub(crate) fn told<E: Entry>(
    picture: &Catalogue<E>,
    view: &View<'_>,
    path: &EntryPath,
    wish: Wish,
) -> Option<History> {
    let told = lives(picture, path).filter(|(_, life)| life.is_some_and(|resource| view.sees(resource)));
    let told: Vec<Arc<Change>> = told.map(|(change, _)| change.clone()).collect();
    if told.is_empty() {
        return None;
    }
    let total = told.len();
    let wanted = told.into_iter().filter(|change| wish.before.is_none_or(|before| change.number < before));
    Some(History { changes: wanted.take(wish.limit).collect(), total })
}
