//! The form of an export: a head, then one entry a line: the agents in the order of their paths, then the servers.
//!
//! The head counts the lines, so that a file that was cut off is known before anything is done with it.

use std::io::{self, Write};

use catalog::{Entry, json};
use serde_json::{Map, Value};
use store::Catalogue;

use super::kept::Pictures;
use super::source::{Found, Kind, Place, Source, SourceFault, unread};

/// The form that is written and read here.
const FORM: u64 = 1;
/// The head's first key: what an export is recognised by.
const MARK: &str = "registry_export";
/// How deep a card stands in its line.
const LEVELS: usize = 1;

/// Writes every entry, each card byte for byte as it is kept. Without servers it is what registries that know
/// none read as well.
pub(super) fn write(out: &mut impl Write, pictures: &Pictures) -> io::Result<()> {
    let Pictures { agents, servers } = pictures;
    let (count, last) = (agents.len() + servers.len(), agents.changes().last());
    let mut kinds = vec![Kind::Agent.name()];
    if !servers.is_empty() {
        kinds.push(Kind::Server.name());
    }
    let kinds = Value::from(kinds);
    writeln!(out, "{{\"{MARK}\":{FORM},\"kinds\":{kinds},\"count\":{count},\"last_change\":{last}}}")?;
    entries(out, agents)?;
    entries(out, servers)?;
    out.flush()
}

fn entries<E: Entry>(out: &mut impl Write, catalogue: &Catalogue<E>) -> io::Result<()> {
    for entry in catalogue.iter() {
        let (kind, path) = (E::SINGULAR, Value::from(entry.path().as_str()));
        writeln!(out, "{{\"kind\":\"{kind}\",\"path\":{path},\"card\":{}}}", entry.json())?;
    }
    Ok(())
}

/// Whether the bytes begin like an export, whole or not.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first: Vec<u8> = first.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    first.starts_with(format!("{{\"{MARK}\"").as_bytes())
}

/// Reads an export.
///
/// # Errors
/// When it is not whole: then nothing of it is to be taken.
pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Source, SourceFault> {
    let cut_off = |what: String| {
        SourceFault::Damaged(format!(
            "{name}: {what}: the export was cut off or edited; nothing was imported"
        ))
    };
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..);
    let head = lines.next().map(|(line, _)| json::read(line)).transpose();
    let head = head.ok().flatten().ok_or_else(|| cut_off("line 1 is no head".to_owned()))?;
    match head.get(MARK).and_then(Value::as_u64) {
        Some(FORM) => {}
        other => {
            let form = other.map_or_else(|| "an unknown form".to_owned(), |form| format!("form {form}"));
            let fault = format!("{name}: the export has {form}; this registry reads form {FORM}");
            return Err(SourceFault::Damaged(fault));
        }
    }
    let lines: Vec<(&[u8], usize)> = lines.filter(|(line, _)| !line.trim_ascii().is_empty()).collect();
    let count = head.get("count").and_then(Value::as_u64);
    if count != u64::try_from(lines.len()).ok() {
        let told = count.map_or_else(|| "does not say how many".to_owned(), |n| format!("says {n}"));
        return Err(cut_off(format!("the head {told} entries, and there are {} lines", lines.len())));
    }
    let mut found = Vec::with_capacity(lines.len());
    for (line, number) in lines {
        let one = entry(line, Place { file: name.to_owned(), line: Some(number) });
        if one.content.is_err() && !line.ends_with(b"\n") {
            return Err(cut_off(format!("line {number}, the last, is not whole")));
        }
        found.push(one);
    }
    let change = head.get("last_change").and_then(Value::as_u64).unwrap_or_default();
    let servers = found.iter().filter(|found| found.kind == Kind::Server).count();
    let mut held = Kind::Agent.count(found.len() - servers);
    if servers > 0 {
        held = format!("{held} and {}", Kind::Server.count(servers));
    }
    let recognised = format!("an export of {held}, up to change {change}");
    Ok(Source { recognised, found, ..Source::default() })
}

fn entry(line: &[u8], place: Place) -> Found {
    let refused = |kind, path, reason: String| Found::refused(kind, place.clone(), path, reason);
    let mut fields = match json::read_nested(line, json::MAX_NESTING + LEVELS) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return refused(Kind::default(), None, "the line is no object".to_owned()),
        Err(fault) => return refused(Kind::default(), None, unread(fault)),
    };
    let text = |fields: &mut Map<String, Value>, name| match fields.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (kind, path) = (text(&mut fields, "kind"), text(&mut fields, "path"));
    let card = fields.shift_remove("card");
    let Some(kind) = kind.as_deref().and_then(Kind::named) else {
        let (kind, agent, server) = (kind.unwrap_or_default(), Kind::Agent.name(), Kind::Server.name());
        let reason = format!("is of the kind '{kind}'; this registry takes '{agent}' and '{server}'");
        return refused(Kind::default(), path, reason);
    };
    if let Some(unknown) = fields.keys().next() {
        return refused(kind, path, format!("has '{unknown}' beside its card, which would be lost"));
    }
    match (path, card) {
        (Some(path), Some(Value::Object(card))) => Found::card(kind, place, path, card),
        (path, _) => refused(kind, path, "needs a path and a card".to_owned()),
    }
}
