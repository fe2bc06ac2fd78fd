//! A submitted server → the registry's spelling: snake_case keys, lists where lists belong, header names in
//! lower case.
//!
//! Nothing unknown is dropped, and only contradictions are judged here; [`super::validate`] judges.

use serde_json::{Map, Value, json};

use super::headers;
use crate::Faults;
use crate::reading::{Null, listed, rename};

/// The registry's fields, and how others spell them.
const SPELLINGS: [(&str, &str); 14] = [
    ("name", "server_name"),
    ("serverName", "server_name"),
    ("proxyPassUrl", "proxy_pass_url"),
    ("supportedTransports", "supported_transports"),
    ("Headers", "headers"),
    ("HEADERS", "headers"),
    ("tokenExchange", "token_exchange"),
    ("maxConcurrency", "max_concurrency"),
    ("answerTimeout", "answer_timeout"),
    ("isEnabled", "is_enabled"),
    ("numTools", "num_tools"),
    ("toolList", "tool_list"),
    ("registeredAt", "registered_at"),
    ("updatedAt", "updated_at"),
];
/// Fields that are spelled in one way only.
const PLAIN: [&str; 6] = ["description", "path", "tags", "license", "registered_by", "headers"];
/// Fields that the registry alone sets: what a client sends in them is ignored.
pub(super) const REGISTRYS_OWN: [&str; 7] = [
    "num_tools",
    "tool_list",
    "registered_at",
    "registered_by",
    "updated_at",
    "health_status",
    "last_checked_iso",
];
/// Fields whose values a form sends as texts.
const NUMBERS: [&str; 2] = ["max_concurrency", "answer_timeout"];

/// Rewrites a submitted server in the registry's spelling. Order and unknown keys stay.
pub(super) fn respell(mut card: Map<String, Value>, null: Null, faults: &mut Faults) -> Map<String, Value> {
    if null == Null::LeftOut {
        // Clients in Python send `None` for what they leave out.
        card.retain(|key, value| !value.is_null() || !is_known(key));
    }
    let mut card = rename(card, &SPELLINGS, "", faults);
    for field in REGISTRYS_OWN {
        card.shift_remove(field);
    }
    for field in ["tags", "supported_transports"] {
        if let Some(value) = card.get_mut(field) {
            listed(value);
        }
    }
    if let Some(path) = card.get_mut("path") {
        spell_path(path);
    }
    for field in NUMBERS {
        if let Some(value) = card.get_mut(field)
            && let Some(number) = value.as_str().and_then(|text| text.parse::<u64>().ok())
        {
            *value = json!(number);
        }
    }
    for field in ["headers", "token_exchange"] {
        if let Some(value) = card.get_mut(field) {
            from_text(value);
        }
    }
    if let Some(value) = card.get_mut("headers") {
        *value = headers::in_lower_case(value.take(), faults);
    }
    card
}

fn is_known(key: &str) -> bool {
    PLAIN.contains(&key) || SPELLINGS.iter().any(|(other, ours)| *other == key || *ours == key)
}

/// `/name`, `/name/` and `name` are one path.
pub(super) fn spell_path(path: &mut Value) {
    if let Value::String(text) = path {
        let name = text.strip_prefix('/').unwrap_or(text);
        *path = json!(format!("/{}", name.strip_suffix('/').unwrap_or(name)));
    }
}

/// A form holds objects as JSON texts. A text that is none stays what it is, and is refused as such.
fn from_text(value: &mut Value) {
    if let Value::String(text) = value
        && let Ok(read @ (Value::Object(_) | Value::Array(_))) = crate::json::read(text.as_bytes())
    {
        *value = read;
    }
}
