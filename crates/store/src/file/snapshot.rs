//! `agent_state.json`, `server_state.json`: the guide's form of the state, `{"agents": {"/path": {full card}}}`,
//! followed by the number of the last change it holds and a checksum that tells whether a person has edited it since.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use catalog::{Entry, EntryPath, json};
use serde_json::Value;

use super::line::Summed;
use super::salvage;
use crate::Catalogue;
use crate::change_log::MAX_NUMBER;

/// How deep a card stands in the file: a card that may be registered must be readable here.
const LEVELS: usize = 2;

/// What the file holds.
pub(super) struct Snapshot<E> {
    pub(super) entries: Vec<Arc<E>>,
    /// The last change in it, where the file says so.
    pub(super) change: Option<u64>,
    /// Whether it is as it was written.
    pub(super) untouched: bool,
    /// Whether there is a file at all.
    pub(super) present: bool,
}

impl<E> Snapshot<E> {
    fn empty(present: bool) -> Snapshot<E> {
        Snapshot { entries: Vec::new(), change: None, untouched: false, present }
    }
}

/// Reads the file; none is an empty registry. Beside everything that can be read stands everything that is
/// wrong.
pub(super) fn read<E: Entry>(file: &Path) -> (Snapshot<E>, Vec<String>) {
    let kind = E::PLURAL;
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return (Snapshot::empty(false), Vec::new()),
        Err(cause) => return (Snapshot::empty(false), vec![format!("cannot be read: {cause}")]),
    };
    let mut found = Snapshot::empty(true);
    let mut faults = Vec::new();
    // Card by card: all cards at once as JSON values would take many times the memory of the entries.
    let read =
        json::read_large(&bytes, json::MAX_NESTING + LEVELS, kind, |path, card| match entry(&path, card) {
            Ok(entry) => found.entries.push(Arc::new(entry)),
            Err(fault) => faults.push(format!("{kind}[\"{path}\"]: {fault}")),
        });
    let others = match read {
        Ok(others) => others,
        Err(fault) => {
            // The rest of it tells them all.
            faults.clear();
            faults.push(format!(
                "damaged: {fault}. It must be {{\"{kind}\": {{\"/path\": {{card}}, …}}}}: mend it by hand or put a \
                 good copy in its place"
            ));
            found.entries = salvage::entries(&bytes, &mut faults);
            return (found, faults);
        }
    };
    let (mut change, mut checksum) = (None, None);
    for (key, value) in others {
        match (&*key, value) {
            ("checksum", held) => checksum = held.as_str().map(str::to_owned),
            ("change", held) => {
                change = held.as_u64().filter(|number| *number <= MAX_NUMBER);
                if change.is_none() {
                    faults.push("\"change\" must be a whole number; remove it if it is not known".to_owned());
                }
            }
            (unknown, _) => faults
                .push(format!("has a key \"{unknown}\" that would be lost at the next write: remove it")),
        }
    }
    found.change = change;
    found.untouched =
        change.is_some_and(|change| is_untouched(&bytes, change, &checksum.unwrap_or_default()));
    (found, faults)
}

pub(super) fn entry<E: Entry>(path: &str, card: Value) -> Result<E, String> {
    let path = EntryPath::parse(path).map_err(|fault| fault.to_string())?;
    let Value::Object(card) = card else { return Err("must be a card, an object".to_owned()) };
    E::from_card(path, card).map_err(|faults| faults.to_string())
}

/// Writes the file: one entry a line, so that a person can read and compare it.
pub(super) fn write<E: Entry>(out: &mut impl Write, catalogue: &Catalogue<E>) -> io::Result<()> {
    let mut out = Summed::new(out);
    write!(out, "{{\"{}\": {{", E::PLURAL)?;
    for (number, entry) in catalogue.iter().enumerate() {
        out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        out.write_all(Value::String(entry.path().to_string()).to_string().as_bytes())?;
        out.write_all(b": ")?;
        out.write_all(entry.json().as_bytes())?;
    }
    out.write_all(b"\n}")?;
    let end = end(catalogue.changes().last(), &format!("{:08x}", out.sum()));
    out.write_all(end.as_bytes())
}

/// The text after the entries.
fn end(change: u64, checksum: &str) -> String {
    format!(",\n\"change\": {change}, \"checksum\": \"{checksum}\"}}\n")
}

fn is_untouched(bytes: &[u8], change: u64, checksum: &str) -> bool {
    bytes
        .strip_suffix(end(change, checksum).as_bytes())
        .is_some_and(|entries| format!("{:08x}", crc32fast::hash(entries)) == checksum)
}
