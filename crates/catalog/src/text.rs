//! What search reads of an entry: the text that it embeds, by the guide's recipe, so that its measured behaviour holds,
//! and the fields whose words it looks for (design page "search", "Ranking").

use std::borrow::Cow;

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

/// A text whose words are looked for, and how much they count there.
pub type Weighed<'a> = (u8, Cow<'a, str>);

/// How much words count in a name; in a tag, a skill's name or a path; and everywhere else.
const NAME: u8 = 3;
const LABEL: u8 = 2;
const PROSE: u8 = 1;

/// The fields of an agent.
pub fn words_of_agent(entry: &AgentEntry) -> Vec<Weighed<'_>> {
    let mut fields = vec![weighed(NAME, &entry.name), weighed(LABEL, entry.path.as_str())];
    fields.extend(entry.tags.iter().map(|tag| weighed(LABEL, tag)));
    for skill in &entry.skills {
        fields.push(weighed(LABEL, &skill.name));
        fields.push(weighed(LABEL, &skill.id));
        fields.extend(skill.tags.iter().map(|tag| weighed(LABEL, tag)));
        fields.push(weighed(PROSE, &skill.description));
    }
    fields.push(weighed(PROSE, &entry.description));
    fields.extend(entry.provider.iter().map(|provider| weighed(PROSE, &provider.organization)));
    fields
}

/// The fields of an MCP server; not those of its tools, for the reason that stands at [`of_server`].
pub fn words_of_server(entry: &ServerEntry) -> Vec<Weighed<'_>> {
    let mut fields = vec![weighed(NAME, &entry.name), weighed(LABEL, entry.path.as_str())];
    fields.extend(entry.tags.iter().map(|tag| weighed(LABEL, tag)));
    fields.push(weighed(PROSE, &entry.description));
    fields
}

/// The fields of a tool of an MCP server.
pub fn words_of_tool<'a>(server: &'a ServerEntry, tool: &'a Tool) -> Vec<Weighed<'a>> {
    let mut fields = vec![weighed(NAME, &tool.name)];
    fields.push(weighed(PROSE, &server.name));
    fields.extend(inputs(tool).into_iter().map(|input| (PROSE, input.into())));
    fields.push(weighed(PROSE, &tool.description));
    fields
}

fn weighed(weight: u8, text: &str) -> Weighed<'_> {
    (weight, text.into())
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
        let told = |fields: Vec<Weighed<'_>>| {
            fields.iter().map(|(weight, text)| format!("{weight} {text}")).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            told(words_of_server(&entry)),
            "3 Current Time; 2 /currenttime; 2 clock; 2 tz; 1 Tells the time"
        );
        let tools: Vec<String> = entry.tools.iter().map(|tool| told(words_of_tool(&entry, tool))).collect();
        assert_eq!(
            tools,
            [
                "3 currentTime; 1 Current Time; 1 tz_name; 1 format; 1 The time somewhere",
                "3 ping; 1 Current Time; 1 Nothing",
            ]
        );
    }

    #[test]
    fn every_word_of_an_agent_counts_once_and_where_it_stands() {
        let card = json!({"name": "Reviewer", "description": "Reads code", "url": "https://a.example.com",
            "tags": ["python"], "provider": {"organization": "Acme"}, "skills": [
                {"id": "sec-scan", "name": "Scan", "description": "Finds holes", "tags": ["owasp"]}]});
        let Value::Object(card) = card else { unreachable!("an object") };
        let entry = AgentEntry::from_card(EntryPath::parse("/team/reviewer").expect("a path"), card)
            .expect("an agent");
        let fields: Vec<String> =
            words_of_agent(&entry).iter().map(|(weight, text)| format!("{weight} {text}")).collect();
        assert_eq!(
            fields.join("; "),
            "3 Reviewer; 2 /team/reviewer; 2 python; 2 Scan; 2 sec-scan; 2 owasp; 1 Finds holes; 1 Reads code; 1 Acme"
        );
    }
}
