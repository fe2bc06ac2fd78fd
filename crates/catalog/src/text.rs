//! What search embeds: the guide's recipe, so that its measured behaviour holds.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{AgentEntry, ServerEntry, Tool};

/// How many of a tool's inputs are told: the names of many more say less about what it is for.
const INPUTS: usize = 12;

/// The text of an agent (design page "search", "Embedding text of an agent").
pub fn of_agent(entry: &AgentEntry) -> String {
    let skills: Vec<String> =
        entry.skills.iter().map(|skill| format!("{}: {}", skill.name, skill.description)).collect();
    format!(
        "Name: {}\nDescription: {}\nSkills: {}\nTags: {}",
        entry.name,
        entry.description,
        skills.join("\n"),
        entry.tags.join(", ")
    )
}

/// The text of an MCP server. Its tools are not in it: what a caller may not call would move the score of
/// what he may see.
pub fn of_server(entry: &ServerEntry) -> String {
    format!("Name: {}\nDescription: {}\nTags: {}", entry.name, entry.description, entry.tags.join(", "))
}

/// The text of a tool of an MCP server: its name also as the words that it is made of, and the names of its
/// inputs, which often say more than a short description.
pub fn of_tool(server: &ServerEntry, tool: &Tool) -> String {
    let words = words(&tool.name);
    let name = if words == tool.name { words } else { format!("{} ({words})", tool.name) };
    let mut text = format!("Name: {name}\nDescription: {}", tool.description);
    let inputs = inputs(tool);
    if !inputs.is_empty() {
        text.push_str("\nInputs: ");
        text.push_str(&inputs.join(", "));
    }
    text.push_str("\nServer: ");
    text.push_str(&server.name);
    text
}

/// The words of a name that programs use: `getURLForUser_id` is "get URL for user id".
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    let mut rest = name.chars().peekable();
    while let Some(letter) = rest.next() {
        if !letter.is_alphanumeric() {
            before = None;
            continue;
        }
        // A capital begins a word after a small letter or a digit, and as the last of several capitals.
        let begins = before.is_some_and(|before| {
            letter.is_uppercase()
                && (!before.is_uppercase() || rest.peek().is_some_and(|after| after.is_lowercase()))
        });
        if (before.is_none() || begins) && !words.is_empty() {
            words.push(' ');
        }
        // An abbreviation keeps its capitals.
        let alone = rest.peek().is_none_or(|after| !after.is_uppercase());
        if letter.is_uppercase() && alone && before.is_none_or(|before| !before.is_uppercase() || begins) {
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
        before = Some(letter);
    }
    words
}

/// The names of the inputs, in the order of the schema.
fn inputs(tool: &Tool) -> Vec<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Schema {
        input_schema: Option<Properties>,
    }
    #[derive(Deserialize)]
    struct Properties {
        properties: Option<Map<String, Value>>,
    }
    let schema: Option<Schema> = serde_json::from_str(tool.json.get()).ok();
    let properties = schema.and_then(|schema| schema.input_schema?.properties).unwrap_or_default();
    properties.into_iter().map(|(name, _)| name).take(INPUTS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Entry as _, EntryPath};

    #[test]
    fn names_fall_apart_into_words() {
        for (name, expected) in [
            ("current_time_by_timezone", "current time by timezone"),
            ("getURLForUser", "get URL for user"),
            ("HTTPServer", "HTTP server"),
            ("list-all.things/now", "list all things now"),
            ("sha256sum", "sha256sum"),
            ("parseISO8601", "parse ISO8601"),
            ("plain", "plain"),
            ("__x__", "x"),
            ("größeÄndern", "größe ändern"),
            ("", ""),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn a_server_without_its_tools_and_a_tool_with_its_inputs() {
        let card = json!({"server_name": "Current Time", "description": "Tells the time", "tags": ["clock", "tz"],
            "proxy_pass_url": "http://localhost:8000/", "tool_list": [
                {"name": "currentTime", "description": "The time somewhere",
                 "inputSchema": {"type": "object", "properties": {"tz_name": {}, "format": {}}}},
                {"name": "ping", "description": "Nothing", "inputSchema": "no schema"}]});
        let Value::Object(card) = card else { unreachable!("an object") };
        let path = EntryPath::parse("/currenttime").expect("a path");
        let entry = ServerEntry::from_card(path, card).expect("a server");
        assert_eq!(of_server(&entry), "Name: Current Time\nDescription: Tells the time\nTags: clock, tz");
        let texts: Vec<String> = entry.tools.iter().map(|tool| of_tool(&entry, tool)).collect();
        assert_eq!(
            texts,
            [
                "Name: currentTime (current time)\nDescription: The time somewhere\nInputs: tz_name, format\n\
                 Server: Current Time",
                "Name: ping\nDescription: Nothing\nServer: Current Time",
            ]
        );
    }
}
