//! What stands in the lines of the journal: its head, then one change a line.

use std::sync::Arc;

use catalog::Entry;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::line;
use crate::Change;
use crate::change::ChangeRecord;

/// The form of the journal that is written and read here.
const FORM: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    journal: u32,
    /// The last change that the snapshot held when the journal was begun.
    after: u64,
}

/// Every other line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    /// The number of the first change that was brought to the disk together with this one: a later batch
    /// proves that this one is there whole.
    batch: u64,
    change: ChangeRecord,
    /// The card since; none where the entry is gone.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    card: Option<&'a RawValue>,
}

/// A change of the journal, and what lives at its path since.
pub(super) struct Recorded<E> {
    pub(super) batch: u64,
    pub(super) change: Change,
    pub(super) entry: Option<Arc<E>>,
}

/// Appends the first line.
pub(crate) fn write_head(out: &mut Vec<u8>, after: u64) {
    line::write(out, format!("{{\"journal\":{FORM},\"after\":{after}}}").as_bytes());
}

/// Reads the first line.
pub(crate) fn read_head(text: &[u8]) -> Result<u64, String> {
    let head: Head = serde_json::from_slice(line::read(text)?).map_err(|fault| fault.to_string())?;
    match head.journal {
        FORM => Ok(head.after),
        other => Err(format!("it has form {other}; this registry reads form {FORM}")),
    }
}

/// Appends a change.
pub(super) fn write<E: Entry>(
    out: &mut Vec<u8>,
    batch: u64,
    change: &Change,
    entry: Option<&E>,
) -> serde_json::Result<()> {
    let card = entry.map(|entry| serde_json::from_str::<&RawValue>(entry.json())).transpose()?;
    line::write(out, &serde_json::to_vec(&Line { batch, change: change.into(), card })?);
    Ok(())
}

/// What stands in a line after the head. Its JSON begins with the batch.
pub(crate) trait Numbered: Sized {
    /// Reads it, its checksum included.
    fn read(text: &[u8]) -> Result<Self, String>;

    /// Each line has the next number.
    fn number(&self) -> u64;

    /// The number of the first line that was brought to the disk together with this one.
    fn batch(&self) -> u64;
}

impl<E: Entry> Numbered for Recorded<E> {
    fn read(text: &[u8]) -> Result<Recorded<E>, String> {
        let Line { batch, change, card } =
            serde_json::from_slice(line::read(text)?).map_err(|fault| fault.to_string())?;
        let change = change.change::<E>()?;
        let entry = card.map(|card| {
            // Deeply nested cards were checked when they came; serde_json's own limit of 128 is beyond that.
            let card: Map<String, Value> =
                serde_json::from_str(card.get()).map_err(|fault| fault.to_string())?;
            E::from_card(change.path.clone(), card).map_err(|faults| faults.to_string())
        });
        Ok(Recorded { batch, entry: entry.transpose()?.map(Arc::new), change })
    }

    fn number(&self) -> u64 {
        self.change.number
    }

    fn batch(&self) -> u64 {
        self.batch
    }
}

/// A line that stands at the end of a text that is none, and where it begins.
pub(crate) fn find<T: Numbered>(text: &[u8]) -> Option<(usize, T)> {
    let begin = b" {\"batch\":";
    let places = text.windows(begin.len()).enumerate().filter(|(_, window)| window == begin);
    let mut starts = places.filter_map(|(place, _)| place.checked_sub(line::SUM));
    starts.find_map(|start| T::read(&text[start..]).ok().map(|found| (start, found)))
}
