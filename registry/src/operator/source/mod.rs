//! What entries are imported from: recognised by its content, read whole, judged elsewhere.

mod guide;
mod keys;
mod python;
mod server;

use std::fmt;
use std::io::Read;
use std::path::Path;

use catalog::json::{self, JsonFault};
use catalog::{AgentEntry, Entry, ServerEntry};
use serde_json::{Map, Value};

use self::python::Wanted;
use super::lines;

/// Standard input, where a source is named.
pub(super) const STANDARD_INPUT: &str = "-";
/// The guide's and the Python system's names for the states.
const AGENTS: &str = "agent_state.json";
const SERVERS: &str = "server_state.json";
/// How deep a card stands in the guide's form.
const LEVELS: usize = 2;

/// What an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// An agent.
    #[default]
    Agent,
    /// An MCP server.
    Server,
}

impl Kind {
    /// The word for it in exports and reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Agent => AgentEntry::SINGULAR,
            Kind::Server => ServerEntry::SINGULAR,
        }
    }

    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Kind> {
        [Kind::Agent, Kind::Server].into_iter().find(|kind| kind.name() == name)
    }

    /// So many of them, in words.
    pub(super) fn count(self, many: usize) -> String {
        match self {
            Kind::Agent => format!("{many} {}", AgentEntry::PLURAL),
            Kind::Server => format!("{many} {}", ServerEntry::PLURAL),
        }
    }
}

/// Everything that a source holds.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// What it was recognised as.
    pub(super) recognised: String,
    /// Every entry in it, readable or not.
    pub(super) found: Vec<Found>,
    /// What is doubtful about it without being an entry.
    pub(super) doubts: Vec<Doubt>,
    /// What a person should know of all of it.
    pub(super) notes: Vec<String>,
}

impl Source {
    fn and(mut self, other: Source) -> Source {
        self.recognised = format!("{}, and {}", self.recognised, other.recognised);
        self.found.extend(other.found);
        self.doubts.extend(other.doubts);
        self.notes.extend(other.notes);
        self
    }
}

/// Something doubtful: of what kind, where, which path, why.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) path: Option<String>,
    pub(super) why: String,
}

/// One entry of a source.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
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
    pub(super) fn card(kind: Kind, place: Place, path: String, card: Map<String, Value>) -> Found {
        Found { kind, place, path: Some(path), content: Ok(card), doubts: Vec::new() }
    }

    pub(super) fn refused(kind: Kind, place: Place, path: Option<String>, reason: String) -> Found {
        Found { kind, place, path, content: Err(vec![reason]), doubts: Vec::new() }
    }
}

/// A place in a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The file, as a person finds it again.
    pub(super) file: String,
    /// The line, where one line is one entry.
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
/// See [`SourceFault`]; what is wrong with one entry alone stands in [`Found`].
pub(super) fn read(source: &str) -> Result<Source, SourceFault> {
    let unreadable = |cause: std::io::Error| SourceFault::Unknown(format!("{source}: {cause}"));
    if source == STANDARD_INPUT {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
        return from_bytes("standard input", None, &bytes);
    }
    let place = Path::new(source);
    if place.metadata().map_err(unreadable)?.is_dir() {
        return from_folder(place);
    }
    let folder = place.parent().map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
    from_bytes(source, folder, &std::fs::read(place).map_err(unreadable)?)
}

/// Both kinds of a folder, each by its own state.
fn from_folder(folder: &Path) -> Result<Source, SourceFault> {
    let mut sources = Vec::new();
    let mut states = [(AGENTS, None), (SERVERS, None)];
    let mut is_ours = false;
    for (name, pythons) in &mut states {
        let file = folder.join(name);
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
            Err(cause) => return Err(SourceFault::Damaged(format!("{}: {cause}", file.display()))),
        };
        let name = file.display().to_string();
        match Form::of(&name, &bytes)? {
            Form::Lines => sources.push(lines::read(&name, &bytes)?),
            Form::Guide(state) => sources.push(guide::read(&name, Some(folder), &bytes, state)?),
            Form::PythonAgents(state) | Form::PythonServers(state) => {
                *pythons = Some(state);
                continue;
            }
        }
        is_ours = true;
    }
    if is_ours {
        // Also of a kind whose state was never written: all of it stands in the journal then.
        let name = folder.display().to_string();
        [Kind::Agent, Kind::Server]
            .into_iter()
            .try_for_each(|kind| guide::refuse_a_journal(&name, Some(folder), kind))?;
    }
    let [(_, lists), (_, switches)] = &states;
    if lists.is_some() || switches.is_some() || !is_ours {
        let (agents, servers) = (Wanted::with(lists.as_ref()), Wanted::with(switches.as_ref()));
        sources.push(python::read(folder, agents, servers)?);
    }
    Ok(sources.into_iter().reduce(Source::and).unwrap_or_default())
}

/// One file. `folder` is where it lies.
fn from_bytes(name: &str, folder: Option<&Path>, bytes: &[u8]) -> Result<Source, SourceFault> {
    let pythons = |agents: Wanted<'_>, servers: Wanted<'_>| match folder {
        Some(folder) => python::read(folder, agents, servers),
        None => {
            let what = "is the Python system's state without the files beside it: name its folder";
            Err(SourceFault::Unknown(format!("{name}: {what}")))
        }
    };
    match Form::of(name, bytes)? {
        Form::Lines => lines::read(name, bytes),
        Form::Guide(state) => guide::read(name, folder, bytes, state),
        Form::PythonAgents(state) => pythons(Wanted::With(&state), Wanted::No),
        Form::PythonServers(state) => pythons(Wanted::No, Wanted::With(&state)),
    }
}

/// What a file is.
enum Form {
    /// An export.
    Lines,
    /// `{"agents": {…}}`, `{"servers": {…}}`, or both.
    Guide(Map<String, Value>),
    /// `{"enabled": […], "disabled": […]}`.
    PythonAgents(Map<String, Value>),
    /// `{"/path": true}`.
    PythonServers(Map<String, Value>),
}

impl Form {
    /// Tells the forms apart.
    fn of(name: &str, bytes: &[u8]) -> Result<Form, SourceFault> {
        if lines::recognise(bytes) {
            return Ok(Form::Lines);
        }
        let unknown = |what: &str| {
            Err(SourceFault::Unknown(format!(
                "{name}: {what}; an export, an agent_state.json, a server_state.json or a folder of the Python \
                 system is wanted"
            )))
        };
        if bytes.trim_ascii().is_empty() {
            return unknown("is empty");
        }
        let value = json::read_nested(bytes, json::MAX_NESTING + LEVELS).map_err(|fault| {
            SourceFault::Damaged(format!("{name}: {}; nothing was imported", unread(fault)))
        })?;
        let Value::Object(state) = value else { return unknown("is no JSON object") };
        let holds = |key: &str| state.get(key).is_some_and(Value::is_object);
        if holds(AgentEntry::PLURAL) || holds(ServerEntry::PLURAL) {
            return Ok(Form::Guide(state));
        }
        if state.contains_key("enabled") || state.contains_key("disabled") {
            return Ok(Form::PythonAgents(state));
        }
        if state.iter().all(|(path, value)| path.starts_with('/') && value.is_boolean()) {
            return Ok(Form::PythonServers(state));
        }
        unknown(
            "is neither the guide's {\"agents\": {…}} or {\"servers\": {…}} nor a state of the Python system: \
             {\"enabled\": […], \"disabled\": […]} or {\"/path\": true}",
        )
    }
}

/// Why bytes that are no request's body are no JSON.
pub(super) fn unread(fault: JsonFault) -> String {
    match fault {
        JsonFault::NotJson(reason) => format!("is not JSON: {reason}"),
        JsonFault::Refused(reason) => reason,
    }
}
