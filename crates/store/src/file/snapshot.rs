//! `agent_state.json`: the guide's form of the state, `{"agents": {"/path": {full card}}}`, followed by the
//! number of the last change it holds and a checksum that tells whether a person has edited it since.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use catalog::{AgentEntry, EntryPath, json};
use serde_json::Value;

use super::line::Summed;
use crate::Catalogue;

/// How deep a card stands in the file: a card that may be registered must be readable here.
const LEVELS: usize = 2;

/// What the file holds.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) entries: Vec<Arc<AgentEntry>>,
    /// The last change in it, where the file says so.
    pub(super) change: Option<u64>,
    /// Whether it is as it was written.
    pub(super) untouched: bool,
    /// Whether there is a file at all.
    pub(super) present: bool,
}

/// Reads the file; none is an empty registry.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(file: &Path) -> Result<Snapshot, Vec<String>> {
    let one = |fault: String| vec![fault];
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Snapshot::default()),
        Err(cause) => return Err(one(format!("cannot be read: {cause}"))),
    };
    let state = json::read_nested(&bytes, json::MAX_NESTING + LEVELS)
        .map_err(|fault| one(format!("damaged: {fault}. Mend it by hand or put a good copy in its place")))?;
    let Value::Object(mut state) = state else {
        return Err(one("must be an object {\"agents\": {…}}".to_owned()));
    };
    let Some(Value::Object(agents)) = state.remove("agents") else {
        return Err(one("needs \"agents\", an object from paths to cards".to_owned()));
    };
    let (change, checksum) = (state.remove("change"), state.remove("checksum"));
    let mut faults = Vec::new();
    if let Some(unknown) = state.keys().next() {
        faults.push(format!("has a key \"{unknown}\" that would be lost at the next write: remove it"));
    }
    let change = match change.as_ref().map(Value::as_u64) {
        None => None,
        Some(Some(number)) => Some(number),
        Some(None) => {
            faults.push("\"change\" must be a whole number; remove it if it is not known".to_owned());
            None
        }
    };
    let mut entries = Vec::with_capacity(agents.len());
    for (path, card) in agents {
        match entry(&path, card) {
            Ok(entry) => entries.push(Arc::new(entry)),
            Err(fault) => faults.push(format!("agents[\"{path}\"]: {fault}")),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let checksum = checksum.as_ref().and_then(Value::as_str).unwrap_or_default();
    let untouched = change.is_some_and(|change| is_untouched(&bytes, change, checksum));
    Ok(Snapshot { entries, change, untouched, present: true })
}

fn entry(path: &str, card: Value) -> Result<AgentEntry, String> {
    let path = EntryPath::parse(path).map_err(|fault| fault.to_string())?;
    let Value::Object(card) = card else { return Err("must be a card, an object".to_owned()) };
    AgentEntry::from_card(path, card).map_err(|faults| faults.to_string())
}

/// Writes the file: one agent a line, so that a person can read and compare it.
pub(super) fn write(out: &mut impl Write, catalogue: &Catalogue) -> io::Result<()> {
    let mut out = Summed::new(out);
    out.write_all(b"{\"agents\": {")?;
    for (number, entry) in catalogue.iter().enumerate() {
        out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        out.write_all(Value::String(entry.path.to_string()).to_string().as_bytes())?;
        out.write_all(b": ")?;
        out.write_all(entry.json().as_bytes())?;
    }
    out.write_all(b"\n}")?;
    let end = end(catalogue.changes().last(), &format!("{:08x}", out.sum()));
    out.write_all(end.as_bytes())
}

/// The text after the agents.
fn end(change: u64, checksum: &str) -> String {
    format!(",\n\"change\": {change}, \"checksum\": \"{checksum}\"}}\n")
}

fn is_untouched(bytes: &[u8], change: u64, checksum: &str) -> bool {
    bytes
        .strip_suffix(end(change, checksum).as_bytes())
        .is_some_and(|agents| format!("{:08x}", crc32fast::hash(agents)) == checksum)
}

/// Takes from a damaged file every line that is an agent; the others are named with what is wrong.
pub(super) fn salvage(file: &Path) -> (Vec<Arc<AgentEntry>>, Vec<String>) {
    let bytes = std::fs::read(file).unwrap_or_default();
    let (mut entries, mut lost) = (Vec::new(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n') {
        // Only the form that is written here: one agent a line.
        let line = line.strip_suffix(b",").unwrap_or(line);
        if !line.starts_with(b"\"/") {
            continue;
        }
        match salvaged(line) {
            Ok(entry) => entries.push(Arc::new(entry)),
            Err(fault) => {
                let begin: String = String::from_utf8_lossy(line).chars().take(80).collect();
                lost.push(format!("{begin}…: {fault}"));
            }
        }
    }
    (entries, lost)
}

fn salvaged(line: &[u8]) -> Result<AgentEntry, String> {
    let object = [b"{", line, b"}"].concat();
    let read = json::read_nested(&object, json::MAX_NESTING + LEVELS).map_err(|fault| fault.to_string())?;
    let Value::Object(one) = read else { return Err("is no agent".to_owned()) };
    let (path, card) = one.into_iter().next().ok_or("is no agent")?;
    entry(&path, card)
}
