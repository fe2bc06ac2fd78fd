//! What must hold for a write to be done, the same in every store: the right permit, a free path, the
//! entry the writer has read.

use access::Permit;
use catalog::{Entry, EntryPath, WriteKind};

use crate::StoreError;

/// What a writer counts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// That nothing lives at the path.
    Vacant,
    /// That the entry there has this entity tag.
    Tag(String),
}

impl Expected {
    /// Refuses a write that counts on something else than `current`.
    pub(crate) fn check<E: Entry>(&self, path: &EntryPath, current: Option<&E>) -> Result<(), StoreError> {
        match (self, current) {
            (Expected::Vacant, None) => Ok(()),
            (Expected::Vacant, Some(_)) => Err(StoreError::Taken(path.to_string())),
            (Expected::Tag(_), None) => Err(StoreError::Absent(path.to_string())),
            (Expected::Tag(tag), Some(entry)) if tag == entry.etag() => Ok(()),
            (Expected::Tag(_), Some(entry)) => {
                Err(StoreError::Changed { path: path.to_string(), current: entry.etag().to_owned() })
            }
        }
    }
}

/// A permit is for one action on one entry of one kind.
pub(crate) fn permitted<E: Entry>(
    permit: &Permit,
    write: WriteKind,
    path: &EntryPath,
) -> Result<(), StoreError> {
    if E::is_permitted(permit, write, path) { Ok(()) } else { Err(StoreError::WrongPermit) }
}
