//! The body of a request → what is asked: JSON-RPC messages, read once and with one meaning.
//!
//! What is decided here is what the server does: so nothing passes that it could read differently. The bytes
//! that were read are the bytes that are sent.

use std::borrow::Cow;

use catalog::json::{self, JsonFault};
use serde_json::value::RawValue;

use super::members::{Members, text};

/// How deep values may stand in each other.
const MAX_NESTING: usize = 64;
/// How many messages one body may hold.
const MAX_BATCH: usize = 100;
/// The keys of JSON-RPC.
const KEYS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
/// The method that names a tool.
pub(super) const TOOLS_CALL: &str = "tools/call";
/// The method whose answer is cut.
pub(super) const TOOLS_LIST: &str = "tools/list";
/// Where everything begins.
pub(super) const INITIALIZE: &str = "initialize";

/// What a body asks for.
#[derive(Debug)]
pub(super) struct Asked<'b> {
    /// In their order, never none.
    pub(super) messages: Vec<Message<'b>>,
    /// Whether they stand in a list, also when it is a list of one.
    pub(super) batch: bool,
}

/// One message.
#[derive(Debug)]
pub(super) enum Message<'b> {
    /// A request or a notification.
    Call(Call<'b>),
    /// An answer of the client to something that the server asked.
    Answer,
}

/// A request or a notification.
#[derive(Debug)]
pub(super) struct Call<'b> {
    /// As it stands in the text; a notification has none.
    pub(super) id: Option<&'b RawValue>,
    /// What is to be done.
    pub(super) method: String,
    /// With which tool, where the method is `tools/call`.
    pub(super) tool: Option<String>,
    /// With what.
    pub(super) params: Option<Members<'b>>,
}

/// Why a body asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable<'b> {
    /// Whether it is not even JSON.
    pub(super) not_json: bool,
    /// What is wrong, and what to change.
    pub(super) message: Cow<'static, str>,
    /// The id of the message, where it can be told.
    pub(super) id: Option<&'b str>,
}

impl Unreadable<'_> {
    fn said(message: &'static str) -> Unreadable<'static> {
        Unreadable { not_json: false, message: message.into(), id: None }
    }
}

impl<'b> Asked<'b> {
    /// Reads a body.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub(super) fn read(body: &'b [u8]) -> Result<Asked<'b>, Unreadable<'b>> {
        let not_json = |message: Cow<'static, str>| Unreadable { not_json: true, message, id: None };
        if body.is_empty() {
            return Err(not_json("the body is empty: send a JSON-RPC message".into()));
        }
        let body = std::str::from_utf8(body).map_err(|_| not_json("the body is not UTF-8".into()))?;
        json::check(body, MAX_NESTING).map_err(|fault| match fault {
            JsonFault::NotJson(_) => not_json(fault.to_string().into()),
            JsonFault::Refused(message) => Unreadable { not_json: false, message: message.into(), id: None },
        })?;
        if body.trim_start().starts_with('[') {
            let several = Unreadable::said("a batch holds 1 to 100 messages");
            let parts: Vec<&RawValue> = serde_json::from_str(body).map_err(|_| several.clone())?;
            if !(1..=MAX_BATCH).contains(&parts.len()) {
                return Err(several);
            }
            let messages = parts.into_iter().map(|part| Message::read(part.get()));
            return Ok(Asked { messages: messages.collect::<Result<_, _>>()?, batch: true });
        }
        Ok(Asked { messages: vec![Message::read(body)?], batch: false })
    }

    /// The requests and notifications.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Call<'b>> {
        self.messages.iter().filter_map(Message::call)
    }

    /// The one request or notification, where there is no other message.
    pub(super) fn only_call(&self) -> Option<&Call<'b>> {
        match &*self.messages {
            [Message::Call(call)] if !self.batch => Some(call),
            _ => None,
        }
    }
}

impl<'b> Message<'b> {
    /// The request or notification that it is.
    pub(super) fn call(&self) -> Option<&Call<'b>> {
        match self {
            Message::Call(call) => Some(call),
            Message::Answer => None,
        }
    }

    fn read(text: &'b str) -> Result<Message<'b>, Unreadable<'b>> {
        let said = Unreadable::said;
        let members = Members::read(text).ok_or(said(
            "a message must be an object with the keys of JSON-RPC, each of them once in one spelling",
        ))?;
        let id = members.get("id");
        // An id that is none is not sent back.
        let named = id.filter(|id| is_id(id)).map(RawValue::get);
        let said = |message: &'static str| Unreadable { id: named, ..Unreadable::said(message) };
        if members.has_lookalike(&KEYS) {
            return Err(said("a message has a key that only looks like one of JSON-RPC's"));
        }
        if members.get("jsonrpc").and_then(self::text).as_deref() != Some("2.0") {
            return Err(said("'jsonrpc' must be \"2.0\""));
        }
        let answers = members.get("result").is_some() || members.get("error").is_some();
        let Some(method) = members.get("method") else {
            let one = members.get("result").is_some() != members.get("error").is_some();
            let answered = named.is_some() || (id.is_some_and(is_null) && members.get("error").is_some());
            return match one && answered && members.get("params").is_none() {
                true => Ok(Message::Answer),
                false => {
                    Err(said("a message needs a 'method', or an 'id' and either a 'result' or an 'error'"))
                }
            };
        };
        let method = self::text(method).ok_or(said("'method' must be a text"))?;
        if !is_method(&method) {
            return Err(said("'method' must be one of MCP, spelled as MCP spells it"));
        }
        if answers {
            return Err(said("a message has a 'method', or a 'result' or an 'error': not both"));
        }
        if id.is_some() && named.is_none() {
            return Err(said("'id' must be a text or a whole number"));
        }
        Call::read(id, method, members.get("params")).map(Message::Call).map_err(said)
    }
}

impl<'b> Call<'b> {
    fn read(
        id: Option<&'b RawValue>,
        method: String,
        params: Option<&'b RawValue>,
    ) -> Result<Call<'b>, &'static str> {
        // Some clients write null for nothing.
        let params = params.filter(|params| !is_null(params)).map(|params| {
            Members::read(params.get()).ok_or("'params' must be an object, each key once in one spelling")
        });
        let params = params.transpose()?;
        let tool = match method.as_str() {
            TOOLS_CALL => {
                let named = params.as_ref().and_then(|params| params.get("name")).and_then(text);
                Some(named.ok_or("'tools/call' needs params with the 'name' of a tool, a text")?)
            }
            _ => None,
        };
        Ok(Call { id, method, tool, params })
    }

    /// A text of the params.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        self.params.as_ref()?.get(name).and_then(text)
    }
}

/// Whether a method is spelled as methods are, and is none of those that are decided by more than their name in
/// another spelling: a scope may list `all` methods, and a server that folds case or trims would not read
/// another method there.
fn is_method(method: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.' | b'$');
    let spelled = method.bytes().all(plain) && method.split('/').all(|part| !part.is_empty());
    let alike = |known: &str| method.eq_ignore_ascii_case(known) && method != known;
    spelled && ![TOOLS_CALL, TOOLS_LIST].into_iter().any(alike)
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// A text, or a number without fraction and exponent.
fn is_id(id: &RawValue) -> bool {
    let id = id.get();
    let digits = id.strip_prefix('-').unwrap_or(id);
    id.starts_with('"') || (!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked() {
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, "1 tools/list"),
            (r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":null}"#, "\"a\" ping"),
            (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "- notifications/initialized"),
            (
                r#" {"jsonrpc":"2.0","id":-7,"method":"tools/cal\u006c","params":{"name":"x\u0079"}} "#,
                "-7 tools/call xy",
            ),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "answer"),
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#, "answer"),
            (
                r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"result":{}}]"#,
                "[1 ping, answer]",
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":{"A":1,"a":2}},"more":1}"#, "1 x"),
        ] {
            assert_eq!(shown(&Asked::read(body.as_bytes())), expected, "{body}");
        }
    }

    #[test]
    fn what_has_no_meaning_or_two_is_refused() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{}{}}}}}"#,
            "[".repeat(70),
            "]".repeat(70)
        );
        let many = format!("[{}]", vec![r#"{"jsonrpc":"2.0","method":"x"}"#; 101].join(","));
        for (body, expected) in [
            ("", "parse - the body is empty"),
            ("{", "parse - the body is not JSON"),
            ("nope", "parse - the body is not JSON"),
            ("{} {}", "parse - the body is not JSON"),
            ("\u{feff}{}", "parse - the body is not JSON"),
            ("3", "invalid - a message must be an object"),
            ("[]", "invalid - a batch holds"),
            ("[3]", "invalid - a message must be an object"),
            ("[[]]", "invalid - a message must be an object"),
            (&many, "invalid - a batch holds"),
            (&deep, "invalid - values are nested too deep"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
                "invalid - the key 'method' stands twice",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"a","\u006dethod":"b"}"#,
                "invalid - the key 'method' stands twice",
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}"#, "invalid - a message must be"),
            (
                r#"{"jsonrpc":"2.0","id":1,"METHOD":"b","result":{}}"#,
                "invalid 1 a message has a key that only",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"a","param\u017f":{}}"#,
                "invalid 1 a message has a key that",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":{"b":1,"b":2}}}"#,
                "invalid - the key 'b'",
            ),
            (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, "invalid 1 'jsonrpc' must be"),
            (r#"{"id":1,"method":"a"}"#, "invalid 1 'jsonrpc' must be"),
            (r#"{"jsonrpc":2.0,"id":1,"method":"a"}"#, "invalid 1 'jsonrpc' must be"),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, "invalid 1 'method' must be a text"),
            (r#"{"jsonrpc":"2.0","id":{},"method":"a"}"#, "invalid - 'id' must be"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, "invalid - 'id' must be"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"a"}"#, "invalid - 'id' must be"),
            (r#"{"jsonrpc":"2.0","id":true,"method":"a"}"#, "invalid - 'id' must be"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#,
                "invalid 1 a message has a 'method', or",
            ),
            (r#"{"jsonrpc":"2.0","id":1}"#, "invalid 1 a message needs a 'method'"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list\u0000"}"#, "invalid 1 'method' must be one"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/Call"}"#, "invalid 1 'method' must be one"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"TOOLS/LIST"}"#, "invalid 1 'method' must be one"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/ca\u217cl"}"#, "invalid 1 'method' must be one"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools//call"}"#, "invalid 1 'method' must be one"),
            (r#"{"jsonrpc":"2.0","id":1,"method":" tools/call"}"#, "invalid 1 'method' must be one"),
            (r#"{"jsonrpc":"2.0","id":1,"method":""}"#, "invalid 1 'method' must be one"),
            (r#"{"jsonrpc":"2.0","result":{}}"#, "invalid - a message needs a 'method'"),
            (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, "invalid 1 a message needs a 'method'"),
            (r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#, "invalid 1 a message needs a 'method'"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#, "invalid 1 'params' must be an object"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":"y"}"#, "invalid 1 'params' must be an object"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#,
                "invalid 1 'params' must be an object, each key once",
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, "invalid 1 'tools/call' needs"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}"#,
                "invalid 1 'tools/call' needs",
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#, "invalid 1 'tools/call' needs"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["a"]}}"#,
                "invalid 1 'tools/call' needs",
            ),
        ] {
            let shown = shown(&Asked::read(body.as_bytes()));
            assert!(shown.starts_with(expected), "{body}: {shown}");
        }
        assert!(Asked::read(b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"a\"}").is_err());
    }

    fn shown(asked: &Result<Asked<'_>, Unreadable<'_>>) -> String {
        let message = |message: &Message<'_>| match message {
            Message::Answer => "answer".to_owned(),
            Message::Call(call) => {
                let tool = call.tool.as_ref().map(|tool| format!(" {tool}")).unwrap_or_default();
                format!("{} {}{tool}", call.id.map_or("-", RawValue::get), call.method)
            }
        };
        match asked {
            Ok(asked) => {
                let shown: Vec<_> = asked.messages.iter().map(message).collect();
                if asked.batch { format!("[{}]", shown.join(", ")) } else { shown.concat() }
            }
            Err(fault) => {
                let kind = if fault.not_json { "parse" } else { "invalid" };
                format!("{kind} {} {}", fault.id.unwrap_or("-"), fault.message)
            }
        }
    }
}
