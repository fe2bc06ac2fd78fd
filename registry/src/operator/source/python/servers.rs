//! Its servers: any JSON file that holds one. The state says which are enabled; a path may end with a slash.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use catalog::json;
use serde_json::{Map, Value, json};

use super::{Wanted, place};
use crate::operator::source::keys::Keys;
use crate::operator::source::{Doubt, Found, Kind, SERVERS, Source, SourceFault, server, unread};

/// What a server's card has, and no other JSON file of the layout.
const MARK: &str = "proxy_pass_url";

/// Whether a server is enabled, by its path; none where the state says both.
type Switches = BTreeMap<String, Option<bool>>;

/// Reads the servers among these files; `others` gets those that are none. `None` when there is nothing of
/// servers at all.
pub(super) fn read(
    folder: &Path,
    files: Vec<PathBuf>,
    wanted: Wanted<'_>,
    others: &mut Vec<PathBuf>,
) -> Result<Option<Source>, SourceFault> {
    let switches =
        match wanted {
            Wanted::With(state) => Some(switches(state).map_err(|fault| {
                SourceFault::Damaged(format!("{}: {fault}", place(&folder.join(SERVERS))))
            })?),
            Wanted::Without | Wanted::No => None,
        };
    let mut source = Source::default();
    let mut keys = Keys::of(Kind::Server);
    for file in files {
        match one(&file, switches.as_ref(), &mut keys) {
            Some(found) => source.found.push(found),
            None => others.push(file),
        }
    }
    if source.found.is_empty() && switches.is_none() {
        return Ok(None);
    }
    source.recognised = recognised(source.found.len(), switches.as_ref());
    source.notes.extend(keys.note());
    let held: BTreeSet<&str> = source.found.iter().filter_map(|found| found.path.as_deref()).collect();
    for path in switches.unwrap_or_default().into_keys().filter(|path| !held.contains(path.as_str())) {
        let why = "stands in the state, and no file that can be read has it: there is nothing to take";
        let place = place(&folder.join(SERVERS));
        source.doubts.push(Doubt { kind: Kind::Server, place, path: Some(path), why: why.to_owned() });
    }
    Ok(Some(source))
}

fn recognised(files: usize, switches: Option<&Switches>) -> String {
    match switches {
        Some(switches) => {
            let enabled = switches.values().filter(|enabled| **enabled == Some(true)).count();
            let disabled = switches.len() - enabled;
            format!("{files} files of servers, {SERVERS} with {enabled} enabled and {disabled} disabled")
        }
        None => format!("{files} files of servers, no {SERVERS}: every server is disabled"),
    }
}

fn switches(state: &Map<String, Value>) -> Result<Switches, String> {
    let mut switches = Switches::new();
    for (path, enabled) in state {
        let enabled = enabled.as_bool();
        let enabled =
            enabled.ok_or_else(|| format!("\"{path}\" must be true or false; nothing was imported"))?;
        let held = switches.entry(server::bare(path).to_owned()).or_insert(Some(enabled));
        *held = held.filter(|held| *held == enabled);
    }
    Ok(switches)
}

/// The server of a file; `None` when it holds something else.
fn one(file: &Path, switches: Option<&Switches>, keys: &mut Keys) -> Option<Found> {
    let refused = |path, reason| Some(Found::refused(Kind::Server, place(file), path, reason));
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) => return refused(None, format!("cannot be read: {cause}")),
    };
    let card = match json::read(&bytes) {
        Ok(Value::Object(card)) => card,
        Ok(_) => return None,
        // What it was, nobody can say: it is not passed over in silence.
        Err(fault) => return refused(None, unread(fault)),
    };
    if !card.contains_key(MARK) {
        return None;
    }
    let Some(path) = card.get("path").and_then(Value::as_str).map(str::to_owned) else {
        return refused(None, "path: is required; the file's name does not tell it".to_owned());
    };
    let mut doubts = keys.count(&card);
    // Here whoever may list a server sees it: one that was hidden there must not be shown by being moved.
    if let Some(hidden) = card.get("visibility").filter(|told| **told != json!("public") && !told.is_null()) {
        let reason = format!(
            "visibility: {hidden} would be lost, since servers have none here: give list_service to those alone who \
             may see it, and remove the key"
        );
        return refused(Some(server::bare(&path).to_owned()), reason);
    }
    let mut found = server::found(place(file), &path, card);
    let listed = switches.map(|switches| switches.get(server::bare(&path)));
    match listed {
        Some(None) => doubts.push("does not stand in the state: it is disabled".to_owned()),
        Some(Some(None)) => doubts.push("stands in the state twice, as both: it is disabled".to_owned()),
        Some(Some(Some(_))) | None => {}
    }
    if let Ok(card) = &mut found.content {
        card.insert("is_enabled".to_owned(), json!(listed == Some(Some(&Some(true)))));
    }
    Some(Found { doubts, ..found })
}
