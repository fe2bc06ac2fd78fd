//! A write is tried on the picture at hand, and no "no" is said before the newest one has been looked at:
//! where other registries write too, the picture at hand may be older than what the caller knows.

use std::pin::Pin;

use catalog::Entry;
use store::EntryStore;

use crate::conditions::IfMatch;
use crate::error::ApiError;

/// What came of one try.
pub(crate) enum Tried<T> {
    /// It is kept.
    Kept(T),
    /// By the picture there was nothing to do.
    Nothing(T),
}

type Trying<'a, T> = Pin<Box<dyn Future<Output = Result<Tried<T>, ApiError>> + Send + 'a>>;

/// Tries a write until it is kept, or refused on a picture that shows everything that was acknowledged
/// anywhere. Such a picture costs nothing where all changes are made by this process; where it cannot be had,
/// the answer is that nobody knows.
///
/// A race that is lost without a condition is run again: the caller wants his change on whatever is there.
/// Each loss is another writer's success, so this ends.
pub(crate) async fn settle<'a, E: Entry, T>(
    store: &dyn EntryStore<E>,
    if_match: &IfMatch,
    attempt: impl Fn() -> Trying<'a, T>,
) -> Result<T, ApiError> {
    let mut fresh = false;
    loop {
        match attempt().await {
            Ok(Tried::Kept(kept)) => return Ok(kept),
            Ok(Tried::Nothing(held)) if fresh => return Ok(held),
            Err(ApiError::Stale(_)) if *if_match == IfMatch::Any => {}
            // What no other picture changes.
            Err(error) if fresh || matches!(error, ApiError::NoStore | ApiError::Ours) => return Err(error),
            Ok(Tried::Nothing(_)) | Err(_) => {}
        }
        store.refresh().await?;
        fresh = true;
    }
}
