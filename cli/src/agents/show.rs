//! `agent get`: a card, for people or as it is.

use catalog::EntryPath;
use serde_json::{Map, Value};

use crate::entries::{self, AGENT, Field, facts_of, words};
use crate::options::Remote;
use crate::outcome::{Failure, Report};
use crate::table::table;

const FIELDS: [Field; 18] = [
    ("path", "path"),
    ("name", "name"),
    ("description", "description"),
    ("url", "url"),
    ("version", "version"),
    ("protocol_version", "protocol"),
    ("provider", "provider"),
    ("streaming", "streaming"),
    ("visibility", "visibility"),
    ("allowed_groups", "groups"),
    ("trust_level", "trust"),
    ("is_enabled", "enabled"),
    ("tags", "tags"),
    ("license", "license"),
    ("security_schemes", "security"),
    ("registered_by", "registered by"),
    ("registered_at", "registered at"),
    ("updated_at", "updated at"),
];

/// Shows the card of an agent.
pub(super) fn get(path: &EntryPath, remote: &Remote, json: bool) -> Result<Report, Failure> {
    entries::get(&AGENT, path, remote, json, text)
}

fn text(card: &Map<String, Value>, etag: Option<&str>) -> String {
    let mut out = facts_of(&FIELDS, card, etag);
    let skills = card.get("skills").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !skills.is_empty() {
        let cell = |skill: &Value, name: &str| skill.get(name).map(words).unwrap_or_default();
        let row = |skill: &Value| [cell(skill, "id"), cell(skill, "name"), cell(skill, "description")];
        let rows: Vec<_> = skills.iter().map(row).collect();
        out.push('\n');
        out += &table(["SKILL", "NAME", "DESCRIPTION"], &rows);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_in_few_lines() {
        let card = json!({
            "name": "A\u{1b}[2J", "path": "/a", "tags": ["x", "y"], "is_enabled": false, "license": "",
            "provider": {"organization": "O", "url": "https://o.example"}, "allowed_groups": [],
            "security_schemes": {"bearer": {"type": "http"}},
            "skills": [{"id": "s", "name": "S", "description": "does"}]
        });
        assert_eq!(
            text(card.as_object().unwrap(), Some("\"t\"")),
            "path      /a\nname      A\\u{1b}[2J\nprovider  O\nenabled   no\ntags      x, y\nsecurity  bearer\n\
             etag      \"t\"\n\nSKILL  NAME  DESCRIPTION\ns      S     does\n"
        );
    }
}
