//! A server's card as other registries write it → this registry's.
//!
//! There a path may end with a slash, and a tool tells what it does and wants under names of its own. Nothing is
//! taken away; what is read here is added beside it.

use serde_json::{Map, Value, json};

use super::{Found, Kind, Place};

/// A server of a source.
pub(super) fn found(place: Place, path: &str, mut card: Map<String, Value>) -> Found {
    let path = bare(path).to_owned();
    if let Some(Value::String(own)) = card.get_mut("path") {
        *own = bare(own).to_owned();
    }
    if let Some(Value::Array(tools)) = card.get_mut("tool_list") {
        tools.iter_mut().filter_map(Value::as_object_mut).for_each(respell);
    }
    Found::card(Kind::Server, place, path, card)
}

/// A path without the slash at its end, which counts for nothing there.
pub(super) fn bare(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        bare => bare,
    }
}

/// `parsed_description` and `schema` are what `tools/list` calls `description` and `inputSchema`.
fn respell(tool: &mut Map<String, Value>) {
    let told = tool.get("parsed_description").and_then(|told| told.get("main")).cloned();
    let schema = tool.get("schema").filter(|schema| schema.is_object()).cloned();
    for (name, value) in [("description", told.filter(Value::is_string)), ("inputSchema", schema)] {
        if let Some(value) = value
            && tool.get(name).is_none_or(|held| *held == json!(null) || *held == json!(""))
        {
            tool.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_call_otherwise_is_read_and_nothing_is_lost() {
        let card = json!({
            "path": "/time/", "is_python": true,
            "tool_list": [
                {"name": "now", "parsed_description": {"main": "Tells the time.", "args": "tz"},
                 "schema": {"type": "object"}},
                {"name": "then", "description": "Its own.", "parsed_description": {"main": "x"}, "inputSchema": {}},
                "no tool"
            ]
        });
        let Value::Object(card) = card else { panic!("an object") };
        let found = found(Place::default(), "/time/", card);
        assert_eq!(found.path.as_deref(), Some("/time"));
        assert_eq!(
            Value::Object(found.content.expect("a card")),
            json!({
                "path": "/time", "is_python": true,
                "tool_list": [
                    {"name": "now", "parsed_description": {"main": "Tells the time.", "args": "tz"},
                     "schema": {"type": "object"}, "description": "Tells the time.",
                     "inputSchema": {"type": "object"}},
                    {"name": "then", "description": "Its own.", "parsed_description": {"main": "x"},
                     "inputSchema": {}},
                    "no tool"
                ]
            })
        );
        assert_eq!(bare("/"), "/");
    }
}
