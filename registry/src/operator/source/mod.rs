//! What agents are imported from: recognised by its content, read whole, judged elsewhere.

mod guide;
mod keys;
mod python;

use std::fmt;
use std::io::Read;
use std::path::Path;

use catalog::json::{self, JsonFault};
use serde_json::{Map, Value};

use super::lines;

/// Standard input, where a source is named.
pub(super) const STANDARD_INPUT: &str = "-";
/// The guide's and the Python system's name for the state.
const STATE: &str = "agent_state.json";
/// How deep a card stands in the guide's form.
const LEVELS: usize = 2;

/// Everything that a source holds.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// What it was recognised as.
    pub(super) recognised: String,
    /// Every agent in it, readable or not.
    pub(super) found: Vec<Found>,
    /// What is doubtful about it without being an agent: where, which path, why.
    pub(super) doubts: Vec<(Place, Option<String>, String)>,
    /// What a person should know of all of it.
    pub(super) notes: Vec<String>,
}

/// One agent of a source.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it stands.
    pub(super) place: Place,
    /// Its path as the source spells it.
    pub(super) path: Option<String>,
    /// Its card, or why there is none.
    pub(super) content: Result<Map<String, Value>, Vec<String>>,
    /// What was decided about it that a person may want otherwise.
    pub(super) doubts: Vec<String>,
}

impl Found {
    pub(super) fn card(place: Place, path: String, card: Map<String, Value>) -> Found {
        Found { place, path: Some(path), content: Ok(card), doubts: Vec::new() }
    }

    pub(super) fn refused(place: Place, path: Option<String>, reason: String) -> Found {
        Found { place, path, content: Err(vec![reason]), doubts: Vec::new() }
    }
}

/// A place in a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The file, as a person finds it again.
    pub(super) file: String,
    /// The line, where one line is one agent.
    pub(super) line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(out, ", line {line}"))
    }
}

/// Why a source cannot be imported at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SourceFault {
    /// It is not there, or nothing that is known.
    Unknown(String),
    /// It is known, and not whole.
    Damaged(String),
}

impl fmt::Display for SourceFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceFault::Unknown(reason) | SourceFault::Damaged(reason) => out.write_str(reason),
        }
    }
}

/// Reads what `source` names: a file, a folder, or `-`.
///
/// # Errors
/// See [`SourceFault`]; what is wrong with one agent alone stands in [`Found`].
pub(super) fn read(source: &str) -> Result<Source, SourceFault> {
    let unreadable = |cause: std::io::Error| SourceFault::Unknown(format!("{source}: {cause}"));
    if source == STANDARD_INPUT {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
        return from_bytes("standard input", None, &bytes);
    }
    let place = Path::new(source);
    if !place.metadata().map_err(unreadable)?.is_dir() {
        let folder =
            place.parent().map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
        return from_bytes(source, folder, &std::fs::read(place).map_err(unreadable)?);
    }
    let state = place.join(STATE);
    match std::fs::read(&state) {
        Ok(bytes) => from_bytes(&state.display().to_string(), Some(place), &bytes),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => python::read(place, None),
        Err(cause) => Err(SourceFault::Damaged(format!("{}: {cause}", state.display()))),
    }
}

/// Tells the forms apart. `folder` is where the file lies.
fn from_bytes(name: &str, folder: Option<&Path>, bytes: &[u8]) -> Result<Source, SourceFault> {
    if lines::recognise(bytes) {
        return lines::read(name, bytes);
    }
    let unknown = |what: &str| {
        Err(SourceFault::Unknown(format!(
            "{name}: {what}; an export, an agent_state.json or a folder with *_agent.json is wanted"
        )))
    };
    if bytes.trim_ascii().is_empty() {
        return unknown("is empty");
    }
    let value = json::read_nested(bytes, json::MAX_NESTING + LEVELS)
        .map_err(|fault| SourceFault::Damaged(format!("{name}: {}; nothing was imported", unread(fault))))?;
    let Value::Object(mut state) = value else { return unknown("is no JSON object") };
    if let Some(Value::Object(agents)) = state.get_mut("agents") {
        let agents = std::mem::take(agents);
        return guide::read(name, folder, bytes, agents, &state);
    }
    if state.contains_key("enabled") || state.contains_key("disabled") {
        return match folder {
            Some(folder) => python::read(folder, Some(&state)),
            None => unknown("is the Python system's state without the agents' files: name its folder"),
        };
    }
    unknown(
        "is neither the guide's {\"agents\": {…}} nor the Python system's {\"enabled\": […], \"disabled\": […]}",
    )
}

/// Why bytes that are no request's body are no JSON.
pub(super) fn unread(fault: JsonFault) -> String {
    match fault {
        JsonFault::NotJson(reason) => format!("is not JSON: {reason}"),
        JsonFault::Refused(reason) => reason,
    }
}
