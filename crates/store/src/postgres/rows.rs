//! Rows ⇄ entries and changes.

use std::sync::Arc;

use catalog::{AgentEntry, EntryPath};

use super::picture::{After, Step};
use crate::Change;
use crate::change::ChangeRecord;

/// A change as a column. Its number is not known yet when it is written: the one beside it counts.
pub(super) fn record(change: &Change) -> String {
    serde_json::to_string(&ChangeRecord::from(change)).expect("strings and numbers are JSON")
}

/// A change out of its columns.
pub(super) fn change(number: i64, record: &str) -> Result<Change, String> {
    let unread = |fault: String| format!("changes, number {number}: {fault}");
    let mut record: ChangeRecord = serde_json::from_str(record).map_err(|fault| unread(fault.to_string()))?;
    record.number = u64::try_from(number).map_err(|fault| unread(fault.to_string()))?;
    Change::try_from(record).map_err(unread)
}

/// An entry out of its columns.
pub(super) fn entry(path: &str, etag: &str, card: &str) -> Result<Arc<AgentEntry>, String> {
    let unread = |fault: String| format!("agents, path '{path}': {fault}");
    let at = EntryPath::parse(path).map_err(|fault| unread(fault.to_string()))?;
    let card = serde_json::from_str(card).map_err(|fault| unread(fault.to_string()))?;
    let entry = AgentEntry::from_card(at, card).map_err(|faults| unread(faults.to_string()))?;
    // A card that was edited in the table has another tag than the column says: nobody could ever replace it.
    if entry.etag != etag {
        return Err(unread(format!("its card has the tag {}, not {etag}", entry.etag)));
    }
    Ok(Arc::new(entry))
}

/// A change with the card that it led to, if that is still the one at its path.
pub(super) fn step(number: i64, record: &str, card: Option<&str>) -> Result<Step, String> {
    let change = change(number, record)?;
    let after = match (&change.etag, card) {
        (None, _) => After::Gone,
        (Some(etag), Some(card)) => After::Is(entry(change.path.as_str(), etag, card)?),
        (Some(_), None) => After::Passed,
    };
    Ok(Step { change, after })
}
