//! Rows ⇄ entries and changes.
//!
//! What another version of this program wrote must stop nobody: what cannot be read is left out, closed, and
//! told of in the log.

use std::sync::Arc;

use catalog::{Entry, EntryPath};

use super::picture::{After, Step};
use crate::change::ChangeRecord;
use crate::{Change, Kept};

/// A change as a column. Its number is not known yet when it is written: the one beside it counts.
pub(super) fn record(change: &Change) -> String {
    serde_json::to_string(&ChangeRecord::from(change)).expect("strings and numbers are JSON")
}

/// Whether two changes of one number are the same one.
pub(super) fn is_same(one: &Change, other: &Change) -> bool {
    one.number == other.number && record(one) == record(other)
}

/// A change out of its columns.
pub(super) fn change<E: Kept>(number: u64, record: &str) -> Result<Change, String> {
    let unread = |fault: String| format!("{}, number {number}: {fault}", E::CHANGES);
    let mut record: ChangeRecord = serde_json::from_str(record).map_err(|fault| unread(fault.to_string()))?;
    record.number = number;
    record.change::<E>().map_err(unread)
}

/// A change out of its columns; none, told of, when it cannot be read.
pub(super) fn readable<E: Kept>(number: u64, record: &str) -> Option<Change> {
    let told = |reason| tracing::error!(reason, "a change cannot be read: who follows must begin anew");
    change::<E>(number, record).map_err(told).ok()
}

/// An entry out of its columns; none, told of, when it cannot be read: nobody can see or use it then.
pub(super) fn entry<E: Entry>(path: &str, etag: &str, card: &str) -> Option<Arc<E>> {
    let kind = E::SINGULAR;
    let told = |reason| tracing::error!(kind, path, reason, "a card cannot be read: it is left out");
    parse(path, etag, card).map_err(told).ok()
}

fn parse<E: Entry>(path: &str, etag: &str, card: &str) -> Result<Arc<E>, String> {
    let at = EntryPath::parse(path).map_err(|fault| fault.to_string())?;
    let card = serde_json::from_str(card).map_err(|fault| fault.to_string())?;
    let entry = E::from_card(at, card).map_err(|faults| faults.to_string())?;
    // A card that was edited in the table has another tag than the column says: nobody could ever replace it.
    if entry.etag() != etag {
        return Err(format!("its card has the tag {}, not {etag}", entry.etag()));
    }
    Ok(Arc::new(entry))
}

/// A change with the card that it led to, if that is still the one at its path.
pub(super) fn step<E: Kept>(
    number: u64,
    path: &str,
    etag: Option<&str>,
    record: &str,
    card: Option<&str>,
) -> Step<E> {
    let after = match (etag, card) {
        (None, _) => After::Gone,
        (Some(etag), Some(card)) => entry(path, etag, card).map_or(After::Gone, After::Is),
        (Some(_), None) => After::Passed,
    };
    Step { number, path: EntryPath::parse(path).ok(), change: readable::<E>(number, record), after }
}
