//! One JSON-RPC message, or a batch of them: the lists of tools in it are cut, and not a byte beside them.

use std::ops::Range;

use serde_json::value::RawValue;

use super::Uncuttable;
use crate::gateway::members::{Members, text};

/// Cuts the lists of tools in a text; `None` when there is nothing to cut.
///
/// # Errors
/// [`Uncuttable::Unclear`] when it may hold a list that some reader finds and this one does not.
pub(in crate::gateway) fn cut(
    message: &str,
    may_call: &mut dyn FnMut(&str) -> bool,
) -> Result<Option<String>, Uncuttable> {
    if !may_hold_tools(message) {
        return Ok(None);
    }
    let start = message.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    // No JSON-RPC: an address, or a word to keep the line open. With an object in it, it is neither.
    if !start.starts_with(['{', '[']) {
        return if message.contains('{') { Err(Uncuttable::Unclear) } else { Ok(None) };
    }
    let mut parts = Vec::new();
    if start.starts_with('[') {
        let messages: Vec<&RawValue> = serde_json::from_str(message).map_err(|_| Uncuttable::Unclear)?;
        for one in messages.into_iter().filter(|one| one.get().starts_with('{')) {
            parts.extend(cut_one(message, one.get(), may_call)?);
        }
    } else {
        parts.extend(cut_one(message, message, may_call)?);
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let (mut whole, mut copied) = (String::with_capacity(message.len()), 0);
    // By where they stand, which is not the order they were found in.
    parts.sort_by_key(|(range, _)| range.start);
    for (range, instead) in parts {
        whole.push_str(&message[copied..range.start]);
        whole.push_str(&instead);
        copied = range.end;
    }
    whole.push_str(&message[copied..]);
    Ok(Some(whole))
}

/// Whether the word stands anywhere: most messages are not looked at any further. What is written with
/// escapes may be it.
fn may_hold_tools(message: &str) -> bool {
    let word = message.as_bytes().windows(4).any(|window| window.eq_ignore_ascii_case(b"tool"));
    word || message.contains("\\u")
}

type Part = (Range<usize>, String);

fn cut_one(
    whole: &str,
    message: &str,
    may_call: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<Part>, Uncuttable> {
    let mut parts = Vec::new();
    let message = Members::read(message).ok_or(Uncuttable::Unclear)?;
    let Some(result) = message.alike("result").filter(|result| result.get().starts_with('{')) else {
        return Ok(parts);
    };
    let result = Members::read(result.get()).ok_or(Uncuttable::Unclear)?;
    let Some(tools) = result.alike("tools") else { return Ok(parts) };
    let listed: Vec<&RawValue> = serde_json::from_str(tools.get()).map_err(|_| Uncuttable::Unclear)?;
    let kept: Vec<&str> =
        listed.iter().map(|tool| tool.get()).filter(|tool| is_callable(tool, may_call)).collect();
    if kept.len() < listed.len() {
        parts.push((place(whole, tools), format!("[{}]", kept.join(","))));
    }
    // What was one list for everybody is now this caller's (MCP 2026-07-28, caching).
    if let Some(scope) = result.get("cacheScope").filter(|scope| text(scope).as_deref() != Some("private")) {
        parts.push((place(whole, scope), "\"private\"".to_owned()));
    }
    Ok(parts)
}

/// Whether a tool has a name, one for all readers, and may be called by it.
fn is_callable(tool: &str, may_call: &mut dyn FnMut(&str) -> bool) -> bool {
    let name = Members::read(tool).and_then(|tool| tool.get("name").and_then(text));
    name.is_some_and(|name| may_call(&name))
}

/// Where a value stands in the text that it was read from.
fn place(whole: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr() as usize - whole.as_ptr() as usize;
    start..start + value.get().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: Result<Option<&str>, Uncuttable>) {
        let cut = cut(message, &mut |tool| tool == "a" || tool == "ü");
        assert_eq!(cut.as_ref().map(Option::as_deref), expected.as_ref().map(|text| *text), "{message}");
    }

    #[test]
    fn only_callable_tools_are_left() {
        check(
            r#"{"jsonrpc": "2.0", "id": 1.50, "result": {"tools": [ {"name":"a", "x": 1e2},{"name":"b"} , {"name":"\u00fc"}], "nextCursor": "b"}}"#,
            Ok(Some(
                r#"{"jsonrpc": "2.0", "id": 1.50, "result": {"tools": [{"name":"a", "x": 1e2},{"name":"\u00fc"}], "nextCursor": "b"}}"#,
            )),
        );
        check(r#"{"id":1,"result":{"tools":[{"name":"b"}]}}"#, Ok(Some(r#"{"id":1,"result":{"tools":[]}}"#)));
        check(
            r#"{"id":1,"result":{"t\u006fols":[{"name":"b"}]}}"#,
            Ok(Some(r#"{"id":1,"result":{"t\u006fols":[]}}"#)),
        );
        check(r#"{"id":1,"Result":{"TOOLS":[{"name":"b"}]}}"#, Ok(Some(r#"{"id":1,"Result":{"TOOLS":[]}}"#)));
        check(
            r#"[{"id":1,"result":{"tools":[{"name":"b"}]}},{"id":2,"result":{"tools":[{"name":"a"}]}},3,{"id":3,"result":{"tools":["a",{"Name":"a"},{"name":"a","NAME":"b"},{"name":"a","x":2}]}}]"#,
            Ok(Some(
                r#"[{"id":1,"result":{"tools":[]}},{"id":2,"result":{"tools":[{"name":"a"}]}},3,{"id":3,"result":{"tools":[{"name":"a","x":2}]}}]"#,
            )),
        );
        check(
            r#"{"result":{"cacheScope":"public","tools":[{"name":"b"},{"name":"a"}],"ttlMs":5}}"#,
            Ok(Some(r#"{"result":{"cacheScope":"private","tools":[{"name":"a"}],"ttlMs":5}}"#)),
        );
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for message in [
            r#"{"id":1,"result":{"tools":[{"name":"a"}]}}"#,
            r#"{"id":1,"result":{"capabilities":{"tools":{"listChanged":true}}}}"#,
            r#"{"id":1,"result":{"content":[{"type":"text","text":"tools"}]}}"#,
            r#"{"method":"notifications/tools/list_changed"}"#,
            r#"{"method":"sampling/createMessage","params":{"tools":[{"name":"b"}]}}"#,
            r#"{"id":1,"error":{"code":1,"message":"no tools"}}"#,
            r#"{"id":1,"result":"tools"}"#,
            "/tools/messages?session_id=1",
            "ping",
            "",
            "{ not json at all",
        ] {
            check(message, Ok(None));
        }
    }

    #[test]
    fn what_could_hold_a_list_unseen_is_not_handed_on() {
        for message in [
            r#"{"id":1,"result":{"tools":[{"name":"b"}]}} x"#,
            r#"{"id":1,"result":{"tools":[{"name":"b"}"#,
            r#"{"id":1,"result":{},"result":{"tools":[{"name":"b"}]}}"#,
            r#"{"id":1,"result":{"tools":[],"tools":[{"name":"b"}]}}"#,
            r#"{"id":1,"result":{"tools":[],"Tools":[{"name":"b"}]}}"#,
            r#"{"id":1,"result":{"tools":{"0":{"name":"b"}}}}"#,
            "\u{feff}{\"id\":1,\"result\":{\"tools\":[{\"name\":\"b\"}]}}",
            "\u{b}{\"id\":1,\"result\":{\"tools\":[{\"name\":\"b\"}]}}",
            r#"[{"id":1,"result":{"tools":[{"name":"b"}]}}"#,
            "1\n{\"id\":1,\"result\":{\"tools\":[{\"name\":\"b\"}]}}",
        ] {
            check(message, Err(Uncuttable::Unclear));
        }
    }
}
