//! Whose a change is: entries come and go at one path, and who may see one need not see the other.

use std::sync::Arc;

use access::Resource;
use catalog::{Entry, EntryPath};
use store::{Catalogue, Change, What};

/// The changes at a path that are remembered, the latest first, each with what decides who may know of it:
/// the entry as it is now, and for one that is gone what it was at its end.
pub(crate) fn lives<'p, E: Entry>(
    picture: &'p Catalogue<E>,
    path: &EntryPath,
) -> impl Iterator<Item = (&'p Arc<Change>, Option<&'p Resource>)> {
    let mut life = picture.get(path).map(|entry| &**entry.resource());
    picture.changes().of(path).map(move |change| {
        if change.what == What::Removed {
            life = change.before.as_deref();
        }
        (change, life)
    })
}
