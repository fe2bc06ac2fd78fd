//! What must hold for a write to be done, the same in every store: the right permit, a free path, the
//! entry the writer has read.

use access::{Action, Permit};
use catalog::{AgentEntry, EntryPath};

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
    pub(crate) fn check(&self, path: &EntryPath, current: Option<&AgentEntry>) -> Result<(), StoreError> {
        match (self, current) {
            (Expected::Vacant, None) => Ok(()),
            (Expected::Vacant, Some(_)) => Err(StoreError::Taken(path.to_string())),
            (Expected::Tag(_), None) => Err(StoreError::Absent(path.to_string())),
            (Expected::Tag(tag), Some(entry)) if *tag == entry.etag => Ok(()),
            (Expected::Tag(_), Some(entry)) => {
                Err(StoreError::Changed { path: path.to_string(), current: entry.etag.clone() })
            }
        }
    }
}

/// A permit is for one action on one path.
pub(crate) fn permitted(permit: &Permit, action: Action, path: &EntryPath) -> Result<(), StoreError> {
    if permit.is_for(action, path.as_str()) { Ok(()) } else { Err(StoreError::WrongPermit) }
}
