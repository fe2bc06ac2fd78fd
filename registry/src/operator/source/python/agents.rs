//! Its agents: the two lists count, not a card's own `is_enabled`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use catalog::json;
use serde_json::{Map, Value, json};

use super::{ENDING, Wanted, place};
use crate::operator::source::keys::Keys;
use crate::operator::source::{AGENTS, Doubt, Found, Kind, Source, SourceFault, unread};

/// Reads the agents' files.
pub(super) fn read(folder: &Path, files: Vec<PathBuf>, wanted: Wanted<'_>) -> Result<Source, SourceFault> {
    let damaged = |fault| SourceFault::Damaged(format!("{}: {fault}", place(&folder.join(AGENTS))));
    let lists = match wanted {
        Wanted::With(state) => Some(Lists::read(state).map_err(damaged)?),
        Wanted::Without | Wanted::No => None,
    };
    let mut source = Source { recognised: recognised(&files, lists.as_ref()), ..Source::default() };
    let (mut keys, mut contradicted) = (Keys::of(Kind::Agent), 0);
    source.found =
        files.iter().map(|file| agent(file, lists.as_ref(), &mut keys, &mut contradicted)).collect();
    if contradicted > 0 {
        source
            .notes
            .push(format!("is_enabled of {contradicted} cards differs from the lists: the lists count"));
    }
    source.notes.extend(keys.note());
    let held: BTreeSet<&str> = source.found.iter().filter_map(|found| found.path.as_deref()).collect();
    let lists = lists.unwrap_or_default();
    for path in lists.enabled.union(&lists.disabled).filter(|path| !held.contains(path.as_str())) {
        let why =
            "stands in the state, and no file that can be read has it: there is nothing to take".to_owned();
        let (place, path) = (place(&folder.join(AGENTS)), Some(path.clone()));
        source.doubts.push(Doubt { kind: Kind::Agent, place, path, why });
    }
    Ok(source)
}

fn recognised(files: &[PathBuf], lists: Option<&Lists>) -> String {
    let state = match lists {
        Some(lists) => {
            format!("{AGENTS} with {} enabled and {} disabled", lists.enabled.len(), lists.disabled.len())
        }
        None => format!("no {AGENTS}: every agent is disabled"),
    };
    format!("{} files *{ENDING}, {state}", files.len())
}

/// What the state says, with paths as cards spell them: there a slash at the end counts for nothing.
#[derive(Default)]
struct Lists {
    enabled: BTreeSet<String>,
    disabled: BTreeSet<String>,
}

impl Lists {
    fn read(state: &Map<String, Value>) -> Result<Lists, String> {
        Ok(Lists { enabled: list(state, "enabled")?, disabled: list(state, "disabled")? })
    }
}

fn list(state: &Map<String, Value>, name: &str) -> Result<BTreeSet<String>, String> {
    let fault = || format!("\"{name}\" must be a list of paths; nothing was imported");
    let Some(value) = state.get(name) else { return Ok(BTreeSet::new()) };
    let items = value.as_array().ok_or_else(fault)?;
    let paths = items.iter().map(|item| Some(item.as_str()?.trim_end_matches('/').to_owned()));
    paths.collect::<Option<_>>().ok_or_else(fault)
}

fn agent(file: &Path, lists: Option<&Lists>, keys: &mut Keys, contradicted: &mut usize) -> Found {
    let refused = |path, reason| Found::refused(Kind::Agent, place(file), path, reason);
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(cause) => return refused(None, format!("cannot be read: {cause}")),
    };
    let mut card = match json::read(&bytes) {
        Ok(Value::Object(card)) => card,
        Ok(_) => return refused(None, "is no card: must be an object".to_owned()),
        Err(fault) => return refused(None, unread(fault)),
    };
    let Some(path) = card.get("path").and_then(Value::as_str).map(str::to_owned) else {
        return refused(None, "path: is required; the file's name does not tell it".to_owned());
    };
    let mut doubts = keys.count(&card);
    let listed = lists.map(|lists| (lists.enabled.contains(&path), lists.disabled.contains(&path)));
    match listed {
        Some((true, true)) => doubts.push("stands in both lists of the state: it is disabled".to_owned()),
        Some((false, false)) => doubts.push("stands in no list of the state: it is disabled".to_owned()),
        Some((true, false) | (false, true)) | None => {}
    }
    let enabled = listed == Some((true, false));
    let own = card.insert("is_enabled".to_owned(), json!(enabled));
    *contradicted += usize::from(own.is_some_and(|own| own != enabled));
    // Its later versions take a card without one for internal, its first ones for public.
    if !card.contains_key("visibility") {
        card.insert("visibility".to_owned(), json!("private"));
        doubts.push("visibility: is not in the card: it is private".to_owned());
    }
    let stars = card.get("num_stars").and_then(Value::as_f64);
    if let Some(stars) = stars.filter(|stars| *stars != 0.0 && card["num_stars"].as_u64().is_none()) {
        doubts.push(format!("num_stars: {stars} is no whole number: it is kept in the card and shown as 0"));
    }
    Found { doubts, ..Found::card(Kind::Agent, place(file), path, card) }
}
