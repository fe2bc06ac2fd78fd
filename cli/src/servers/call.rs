//! `server call`: one tool of one MCP server, through the gateway.

use std::path::Path;
use std::time::Duration;

use catalog::EntryPath;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::mcp::Conversation;
use super::options::Call;
use crate::credentials::Needs;
use crate::entries::{bytes_of, object_of};
use crate::gateway::Session;
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report, line, say};
use crate::plain::{plain, plain_lines};
use crate::progress::Waiting;

/// What a tool gives back (MCP 2025-06-18, "Tool Result").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    #[serde(default)]
    content: Vec<Value>,
    structured_content: Option<Value>,
    #[serde(default)]
    is_error: bool,
}

/// Calls a tool and prints what it gives.
pub(super) fn call(options: &Call, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let Call { path, tool, arguments, seconds } = options;
    let arguments = arguments.as_deref().map(read).transpose()?.unwrap_or_default();
    let session = Session::open(remote, &[Needs::call(path.clone(), tool)])?;
    let waiting = Waiting::on(format!("waiting for {tool} of {path}"));
    let mut conversation = Conversation::open(&session, name(path), Duration::from_secs(*seconds))?;
    let outcome = conversation.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
    conversation.close();
    drop(waiting);
    let result = outcome?;
    let given: Given = serde_json::from_str(result.get()).map_err(|_| {
        Failure::new(Exit::Refused, format!("{path}: the answer of {} is no tool's result", plain(tool)))
    })?;
    let text = if json { line(result.get()) } else { text(&given) };
    if given.is_error {
        say(&format!("{path}: {} says that it failed", plain(tool)));
    }
    Ok(Report { text, exit: if given.is_error { Exit::Refused } else { Exit::Done } })
}

/// What the gateway calls the server.
fn name(path: &EntryPath) -> &str {
    path.as_str().trim_start_matches('/')
}

/// The arguments, typed or from `@FILE`.
fn read(text: &str) -> Result<Map<String, Value>, Failure> {
    let what = "what a tool is called with";
    let object = match text.strip_prefix('@') {
        Some(file) => bytes_of(Path::new(file)).and_then(|(name, bytes)| object_of(&name, what, &bytes)),
        None => object_of("--arguments", what, text.as_bytes()),
    };
    object.map_err(|line| Failure::new(Exit::WrongUse, plain(&line)))
}

/// The parts one below the other: texts as they are, the rest by what it is.
fn text(given: &Given) -> String {
    let mut out = String::new();
    for part in &given.content {
        out += shown(part).trim_end_matches('\n');
        out.push('\n');
    }
    match &given.structured_content {
        // Servers repeat it as a text for clients that do not know it; where one does not, it is all there is.
        Some(structured) if given.content.is_empty() => plain_lines(&format!("{structured:#}\n")),
        Some(_) | None => out,
    }
}

fn shown(part: &Value) -> String {
    let field = |name: &str| part[name].as_str().map(plain).unwrap_or_default();
    match part["type"].as_str().unwrap_or_default() {
        "text" => plain_lines(part["text"].as_str().unwrap_or_default()),
        "image" | "audio" => format!("[{} {}: --json has it]", field("type"), field("mimeType")),
        "resource_link" => format!("[resource {}]", field("uri")),
        "resource" => match part["resource"]["text"].as_str() {
            Some(text) => plain_lines(text),
            None => format!(
                "[resource {}: --json has it]",
                plain(part["resource"]["uri"].as_str().unwrap_or_default())
            ),
        },
        other => format!("[{}: --json has it]", plain(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_for_people() {
        let text = |result: Value| text(&serde_json::from_value(result).unwrap());
        let content = json!([
            {"type": "text", "text": "one\r\ntwo\u{1b}[2J\n"},
            {"type": "image", "mimeType": "image/png", "data": "AAAA"},
            {"type": "resource_link", "uri": "file:///a", "name": "a"},
            {"type": "resource", "resource": {"uri": "file:///b", "text": "inside"}},
            {"type": "resource", "resource": {"uri": "file:///c", "blob": "AAAA"}},
            {"type": "later"},
        ]);
        assert_eq!(
            text(json!({"content": content, "structuredContent": {"a": 1}})),
            "one\ntwo\\u{1b}[2J\n[image image/png: --json has it]\n[resource file:///a]\ninside\n\
             [resource file:///c: --json has it]\n[later: --json has it]\n"
        );
        assert_eq!(text(json!({"content": [], "structuredContent": {"a": 1}})), "{\n  \"a\": 1\n}\n");
        assert_eq!(text(json!({})), "");
    }
}
