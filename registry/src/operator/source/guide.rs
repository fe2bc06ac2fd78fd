//! The guide's `agent_state.json` and `server_state.json`: `{"agents": {"/path": {card}}}`, also as this registry
//! writes them.

use std::path::Path;

use catalog::{AgentEntry, Entry, ServerEntry};
use serde_json::{Map, Value};
use store::Kept;

use super::keys::Keys;
use super::{Found, Kind, Place, Source, SourceFault, server};

/// What this registry writes beside the entries.
const OURS: [&str; 2] = ["change", "checksum"];

/// Reads the entries of a state; `bytes` tell the lines.
pub(super) fn read(
    name: &str,
    folder: Option<&Path>,
    bytes: &[u8],
    state: Map<String, Value>,
) -> Result<Source, SourceFault> {
    let mut lines = Lines::new(str::from_utf8(bytes).unwrap_or_default());
    let (mut kinds, mut held, mut source) = (Vec::new(), Vec::new(), Source::default());
    for (key, value) in state {
        let kind = [(AgentEntry::PLURAL, Kind::Agent), (ServerEntry::PLURAL, Kind::Server)];
        match (kind.into_iter().find(|(plural, _)| *plural == key), value) {
            (Some((_, kind)), Value::Object(entries)) => {
                refuse_a_journal(name, folder, kind)?;
                kinds.push(kind);
                held.push(kind.count(entries.len()));
                let mut keys = Keys::of(kind);
                let one = |(path, card)| entry(kind, name, path, card, &mut lines, &mut keys);
                source.found.extend(entries.into_iter().map(one));
                source.notes.splice(0..0, keys.note());
            }
            (_, _) if OURS.contains(&key.as_str()) => {}
            (_, _) => source.notes.push(format!("not taken: '{key}', which is no agent")),
        }
    }
    let file = if kinds == [Kind::Server] { super::SERVERS } else { super::AGENTS };
    source.recognised = format!("the guide's {file} with {}", held.join(" and "));
    Ok(source)
}

/// Whoever takes half the truth takes what was changed or removed since.
pub(super) fn refuse_a_journal(name: &str, folder: Option<&Path>, kind: Kind) -> Result<(), SourceFault> {
    let journal = match kind {
        Kind::Agent => AgentEntry::JOURNAL,
        Kind::Server => ServerEntry::JOURNAL,
    };
    let journals = [journal.to_owned(), format!("{journal}.folding")];
    match journals.iter().find(|journal| folder.is_some_and(|folder| folder.join(journal).exists())) {
        None => Ok(()),
        Some(journal) => Err(SourceFault::Damaged(format!(
            "{name}: changes that are not in it stand in {journal}; with that registry stopped, \
             `registry store compact --state <folder>` puts them in; nothing was imported"
        ))),
    }
}

fn entry(kind: Kind, file: &str, path: String, card: Value, lines: &mut Lines<'_>, keys: &mut Keys) -> Found {
    let place = Place { file: file.to_owned(), line: lines.of(&path) };
    let Value::Object(card) = card else {
        return Found::refused(kind, place, Some(path), "is no card: must be an object".to_owned());
    };
    let doubts = keys.count(&card);
    let found = match kind {
        Kind::Agent => Found::card(kind, place, path, card),
        Kind::Server => server::found(place, &path, card),
    };
    Found { doubts, ..found }
}

/// The lines of keys, in the order in which the keys stand.
struct Lines<'t> {
    text: &'t str,
    line: usize,
    misses: usize,
}

/// A file that spells its keys with escapes must not be searched to its end for each.
const MOST_MISSES: usize = 16;

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Lines<'t> {
        Lines { text, line: 1, misses: 0 }
    }

    /// The line of the next key of this name; `None` where the file spells it with escapes.
    fn of(&mut self, key: &str) -> Option<usize> {
        if self.misses == MOST_MISSES {
            return None;
        }
        let spelled = Value::from(key).to_string();
        let places = self.text.match_indices(&spelled).map(|(place, _)| place + spelled.len());
        let mut keys = places.filter(|end| self.text[*end..].trim_start().starts_with(':'));
        let Some(end) = keys.next() else {
            self.misses += 1;
            return None;
        };
        let (before, after) = self.text.split_at(end);
        self.line += before.matches('\n').count();
        self.text = after;
        Some(self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_on_its_line_and_its_value_elsewhere_is_not() {
        let text =
            "{\"agents\": {\n\"/a\": {\"path\": \"/b\"},\n\n  \"/b\" : {}, \"/c\": {},\n\"\\u002fd\": {}}}";
        let mut lines = Lines::new(text);
        let found: Vec<_> = ["/a", "/b", "/c", "/d"].iter().map(|key| lines.of(key)).collect();
        assert_eq!(found, [Some(2), Some(4), Some(4), None]);
    }
}
