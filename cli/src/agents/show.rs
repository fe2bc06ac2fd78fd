//! `agent get`: a card, for people or as it is.

use access::Action;
use catalog::EntryPath;
use serde_json::{Map, Value};

use super::{address, done};
use crate::credentials::Needs;
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report};
use crate::table::{facts, table};

/// The fields a person looks for, and what they are called.
const FIELDS: [(&str, &str); 18] = [
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
    let session = Session::open(remote, &[Needs::on(Action::GetAgent, path.clone())])?;
    let call = Call::new(Method::GET, address(path)).waiting_for(format!("the card of {path}"));
    let reply = session.ask(call)?;
    let card = reply.read()?;
    Ok(done(json, &reply.body, || text(&card, reply.etag.as_deref())))
}

fn text(card: &Map<String, Value>, etag: Option<&str>) -> String {
    let mut rows = Vec::new();
    for (field, title) in FIELDS {
        let value = card.get(field).map(words).unwrap_or_default();
        if !value.is_empty() {
            rows.push((title, value));
        }
    }
    rows.extend(etag.map(|tag| ("etag", tag.to_owned())));
    let mut out = facts(&rows);
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

/// A value in a few words: texts as they are, lists with commas, objects by what names them.
fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match fields.get("organization") {
            Some(organization) => words(organization),
            None => fields.keys().cloned().collect::<Vec<_>>().join(", "),
        },
    }
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
