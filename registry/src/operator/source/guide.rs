//! The guide's `agent_state.json`: `{"agents": {"/path": {card}}}`, also as this registry writes it.

use std::path::Path;

use serde_json::{Map, Value};

use super::keys::Keys;
use super::{Found, Place, Source, SourceFault};

/// What this registry writes beside the agents.
const OURS: [&str; 3] = ["agents", "change", "checksum"];
/// What holds changes that are not in the file yet.
const JOURNALS: [&str; 2] = ["registry.journal", "registry.journal.folding"];

/// Reads the agents; `bytes` tell the lines, `state` what else the file holds.
pub(super) fn read(
    name: &str,
    folder: Option<&Path>,
    bytes: &[u8],
    agents: Map<String, Value>,
    state: &Map<String, Value>,
) -> Result<Source, SourceFault> {
    let journal = JOURNALS.iter().find(|journal| folder.is_some_and(|folder| folder.join(journal).exists()));
    if let Some(journal) = journal {
        return Err(SourceFault::Damaged(format!(
            "{name}: changes that are not in it stand in {journal}; with that registry stopped, \
             `registry store compact --state <folder>` puts them in; nothing was imported"
        )));
    }
    let mut lines = Lines::new(str::from_utf8(bytes).unwrap_or_default());
    let mut keys = Keys::default();
    let mut found = Vec::with_capacity(agents.len());
    for (path, card) in agents {
        let place = Place { file: name.to_owned(), line: lines.of(&path) };
        found.push(match card {
            Value::Object(card) => {
                let doubts = keys.count(&card);
                Found { doubts, ..Found::card(place, path, card) }
            }
            _ => Found::refused(place, Some(path), "is no card: must be an object".to_owned()),
        });
    }
    let left = state.keys().filter(|key| !OURS.contains(&key.as_str()));
    let left = left.map(|key| format!("not taken: '{key}', which is no agent"));
    let notes = keys.note().into_iter().chain(left).collect();
    let recognised = format!("the guide's agent_state.json with {} agents", found.len());
    Ok(Source { recognised, found, notes, ..Source::default() })
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
