//! The fields of a card: texts, lists of texts, web addresses.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

use crate::Faults;

/// A required text that is not blank.
pub(crate) fn text<'c>(
    fields: &'c Map<String, Value>,
    name: &str,
    place: &str,
    faults: &mut Faults,
) -> Option<&'c str> {
    match fields.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
        Some(Value::String(_)) => {
            faults.add(place, "must not be blank");
            None
        }
        None | Some(Value::Null) => {
            faults.add(place, "is required");
            None
        }
        Some(_) => {
            faults.add(place, "must be a text");
            None
        }
    }
}

/// A list of texts none of which is blank.
pub(crate) fn string_list(value: &Value, place: &str, faults: &mut Faults) {
    let Value::Array(items) = value else { return faults.add(place, "must be a list of texts") };
    for (number, item) in items.iter().enumerate() {
        match item.as_str() {
            Some(item) if !item.trim().is_empty() => {}
            Some(_) => faults.add(format!("{place}[{number}]"), "must not be empty"),
            None => faults.add(format!("{place}[{number}]"), "must be a text"),
        }
    }
}

/// An http(s) URL that every reader reads alike: browsers take a backslash for a slash and drop
/// line breaks, other clients see another host there.
pub(crate) fn web_url(text: &str) -> Option<Url> {
    let spelled = text.starts_with("https://") || text.starts_with("http://");
    let ambiguous = |c: char| c == '\\' || c.is_whitespace() || c.is_control();
    if !spelled || text.contains(ambiguous) {
        return None;
    }
    Url::parse(text).ok().filter(Url::has_host)
}

/// The texts of a list; a fault for what is none.
pub(crate) fn strings(value: Option<&Value>, field: &str, faults: &mut Faults) -> Vec<String> {
    let Some(value) = value else { return Vec::new() };
    string_list(value, field, faults);
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Strong entity tag of a card's JSON, with its quotes (RFC 9110 section 8.8.3).
pub(crate) fn etag(json: &str) -> String {
    let digest = Sha256::digest(json.as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
