//! The guide's form of the state: `{"agents": {"/path": {full card}}}`.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use catalog::{AgentEntry, EntryPath, json};
use serde_json::Value;

use crate::{Catalogue, StoreError};

/// How deep a card stands in the file: a card that may be registered must be readable here.
const LEVELS: usize = 2;

/// Reads the file; none is an empty registry.
pub(super) fn load(file: &Path) -> Result<Catalogue, StoreError> {
    let damaged = |reason: String| StoreError::Damaged { file: file.to_owned(), reason };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Catalogue::default()),
        Err(cause) => return Err(damaged(format!("cannot be read: {cause}"))),
    };
    let Value::Object(mut state) =
        json::read_nested(&bytes, json::MAX_NESTING + LEVELS).map_err(|fault| {
            damaged(format!(
                "damaged: {fault}. Mend it by hand or put a good copy in its place; nothing was changed"
            ))
        })?
    else {
        return Err(damaged("must be an object {\"agents\": {…}}".to_owned()));
    };
    let agents = match state.remove("agents") {
        Some(Value::Object(agents)) => agents,
        Some(_) | None => return Err(damaged("needs \"agents\", an object from paths to cards".to_owned())),
    };
    if let Some(unknown) = state.keys().next() {
        return Err(damaged(format!(
            "has a key \"{unknown}\" that would be lost at the next write: remove it"
        )));
    }
    let mut catalogue = Catalogue::default();
    let mut faults = Vec::new();
    for (path, card) in agents {
        match entry(&path, card) {
            Ok(entry) => catalogue.put(Arc::new(entry)),
            Err(fault) => faults.push(format!("agents[\"{path}\"]: {fault}")),
        }
    }
    if faults.is_empty() { Ok(catalogue) } else { Err(damaged(faults.join("; "))) }
}

fn entry(path: &str, card: Value) -> Result<AgentEntry, String> {
    let path = EntryPath::parse(path).map_err(|fault| fault.to_string())?;
    let Value::Object(card) = card else { return Err("must be a card, an object".to_owned()) };
    AgentEntry::from_card(path, card).map_err(|faults| faults.to_string())
}

/// Writes the file's text: one agent a line, so that a person can read and compare it.
pub(super) fn print(catalogue: &Catalogue) -> String {
    let size: usize = catalogue.iter().map(|entry| entry.json().len() + entry.path.as_str().len() + 8).sum();
    let mut text = String::with_capacity(size + 32);
    text.push_str("{\"agents\": {");
    for (number, entry) in catalogue.iter().enumerate() {
        text.push_str(if number == 0 { "\n" } else { ",\n" });
        text.push_str(&Value::String(entry.path.to_string()).to_string());
        text.push_str(": ");
        text.push_str(entry.json());
    }
    text.push_str("\n}}\n");
    text
}
