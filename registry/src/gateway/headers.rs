//! Headers on their way to a server and back: two lists of what passes, and a comparison with the body, which
//! decides.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::Tool;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::request::{Asked, Call, TOOLS_CALL};

/// A session's id.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// Where a stream is to go on.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const PARAM: &str = "mcp-param-";
const MCP: &str = "mcp-";
/// The annotation of a tool's schema that asks for a header.
const ANNOTATION: &str = "x-mcp-header";

/// What of a request's headers a server is shown, beside `Mcp-*`.
const SHOWN: [HeaderName; 6] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::USER_AGENT,
    LAST_EVENT_ID,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];
/// What of an answer's headers a client is shown, beside `Mcp-*` and what is said of the body.
const ANSWERED: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::ALLOW, header::RETRY_AFTER];

/// The headers that a server is shown; `Content-Length` and `Host` are the client's own.
pub(super) fn shown(headers: &HeaderMap) -> HeaderMap {
    passed(headers, &SHOWN)
}

/// The headers that a client is shown.
pub(super) fn answered(headers: &HeaderMap) -> HeaderMap {
    passed(headers, &ANSWERED)
}

fn passed(headers: &HeaderMap, list: &[HeaderName]) -> HeaderMap {
    let passes = |name: &HeaderName| list.contains(name) || name.as_str().starts_with(MCP);
    headers
        .iter()
        .filter(|(name, _)| passes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Whether a media type says no other charset than the one that everything is read in.
pub(super) fn is_utf8(kind: &HeaderValue) -> bool {
    let parts = kind.to_str().unwrap_or("; charset=?").split(';').skip(1);
    let mut charset = parts
        .filter_map(|part| part.trim().split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charset.all(|(_, value)| value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

/// Refuses what two readers could read differently: the protocol's headers, each of them twice.
///
/// # Errors
/// A sentence.
pub(super) fn once(headers: &HeaderMap) -> Result<(), String> {
    let single = |name: &HeaderName| {
        name.as_str().starts_with(MCP) || [LAST_EVENT_ID, header::CONTENT_TYPE].contains(name)
    };
    let twice = headers.keys().find(|name| single(name) && headers.get_all(*name).iter().count() > 1);
    twice.map_or(Ok(()), |name| Err(format!("the header {name} was sent more than once")))
}

/// Compares `Mcp-Method` and `Mcp-Name` with the body; with none, or with several messages, they say what is
/// nowhere.
///
/// # Errors
/// A sentence.
pub(super) fn agree(headers: &HeaderMap, asked: Option<&Asked<'_>>) -> Result<(), String> {
    let call = asked.and_then(Asked::only_call);
    if let Some(method) = headers.get(METHOD)
        && call.is_none_or(|call| method.as_bytes() != call.method.as_bytes())
    {
        return Err("the header Mcp-Method does not say what the body says".to_owned());
    }
    let Some(name) = headers.get(NAME) else { return Ok(()) };
    let name = decoded(name);
    let named = call.is_some_and(|call| name.is_some_and(|name| names(call, &name)));
    if named { Ok(()) } else { Err("the header Mcp-Name does not say what the body says".to_owned()) }
}

/// Whether a call is about what has this name. Methods that are not known here name it somewhere in their
/// params.
fn names(call: &Call<'_>, name: &str) -> bool {
    match call.method.as_str() {
        TOOLS_CALL | "prompts/get" => call.param("name").is_some_and(|named| named == name),
        "resources/read" => call.param("uri").is_some_and(|named| named == name),
        _ => call.params.as_ref().is_some_and(|params| {
            params.iter().any(|(_, value)| super::members::text(value).is_some_and(|text| text == name))
        }),
    }
}

/// Compares `Mcp-Param-*` with the arguments: with the one that the tool's schema asks for by this name, else
/// with the one that has the name. A header for which there is no argument contradicts a schema that
/// knows it; otherwise no server reads it, and it may pass.
///
/// # Errors
/// A sentence.
pub(super) fn params_agree(
    headers: &HeaderMap,
    asked: Option<&Asked<'_>>,
    tools: &[Tool],
) -> Result<(), String> {
    let mut given = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().strip_prefix(PARAM)?, value)))
        .peekable();
    if given.peek().is_none() {
        return Ok(());
    }
    let fault = |name: &str| format!("the header Mcp-Param-{name} does not say what the body says");
    let call = asked.and_then(Asked::only_call);
    let Some((call, tool)) = call.and_then(|call| Some((call, call.tool.as_deref()?))) else {
        return given.next().map_or(Ok(()), |(name, _)| Err(fault(name)));
    };
    let arguments = call.params.as_ref().and_then(|params| params.get("arguments"));
    let arguments: Map<String, Value> =
        arguments.and_then(|arguments| serde_json::from_str(arguments.get()).ok()).unwrap_or_default();
    let tool = tools.iter().find(|known| known.name == tool);
    let schema = tool.and_then(|tool| serde_json::from_str::<Value>(tool.json.get()).ok());
    let schema = schema.as_ref().and_then(|tool| tool.get("inputSchema"));
    for (name, value) in given {
        let mut annotated = Vec::new();
        if let Some(schema) = schema {
            find_annotated(schema, name, &mut Vec::new(), &mut annotated);
        }
        let agrees = if annotated.is_empty() {
            let mut alike = arguments.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            alike.all(|(_, argument)| !is_scalar(argument) || says(value, argument))
        } else {
            annotated.iter().all(|path| at(&arguments, path).is_some_and(|argument| says(value, argument)))
        };
        if !agrees {
            return Err(fault(name));
        }
    }
    Ok(())
}

/// The paths of properties whose annotation has this name.
fn find_annotated(schema: &Value, name: &str, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (key, property) in properties {
        path.push(key.clone());
        let annotation = property.get(ANNOTATION).and_then(Value::as_str);
        if annotation.is_some_and(|annotation| annotation.eq_ignore_ascii_case(name)) {
            found.push(path.clone());
        }
        find_annotated(property, name, path, found);
        path.pop();
    }
}

fn at<'a>(arguments: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(arguments.get(first)?, |value, key| value.get(key))
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_))
}

/// Whether a header says what an argument is. Whole numbers are compared as numbers: `42` is `42.0`.
fn says(value: &HeaderValue, argument: &Value) -> bool {
    let Some(said) = decoded(value) else { return false };
    match argument {
        Value::String(text) => said == *text,
        Value::Bool(is) => said == if *is { "true" } else { "false" },
        Value::Number(number) => whole(&said) == whole(&number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn whole(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        Some(_) | None => number,
    }
}

/// A header's text: as it is, or in base64 between `=?base64?` and `?=`, where it would not pass otherwise.
fn decoded(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    match text.strip_prefix("=?base64?").and_then(|text| text.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn lists_of_what_passes() {
        let all = headers(&[
            ("accept", "a"),
            ("authorization", "Bearer x"),
            ("x-authorization", "x"),
            ("cookie", "x"),
            ("x-identity", "x"),
            ("x-user", "x"),
            ("x-scopes", "x"),
            ("host", "x"),
            ("x-request-id", "x"),
            ("mcp-name", "n"),
            ("mcp-param-a", "1"),
            ("www-authenticate", "x"),
            ("set-cookie", "x"),
            ("retry-after", "1"),
        ]);
        let names =
            |headers: &HeaderMap| headers.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(names(&shown(&all)), "accept mcp-name mcp-param-a");
        assert_eq!(names(&answered(&all)), "mcp-name mcp-param-a retry-after");
        assert!(once(&all).is_ok());
        assert!(once(&headers(&[("mcp-name", "a"), ("mcp-name", "a")])).is_err());
        assert!(once(&headers(&[("mcp-param-x", "a"), ("mcp-param-x", "b")])).is_err());
        assert!(once(&headers(&[("accept", "a"), ("accept", "b")])).is_ok());
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let call = |method: &str, params: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
        };
        let tool = call("tools/call", r#"{"name":"día"}"#);
        for (body, lines, agree_) in [
            (call("ping", "{}"), vec![("mcp-method", "ping")], true),
            (call("ping", "{}"), vec![("mcp-method", "Ping")], false),
            (call("ping", "{}"), vec![("mcp-name", "x")], false),
            (call("tasks/get", r#"{"taskId":"x"}"#), vec![("mcp-name", "x")], true),
            (
                call("tools/call", r#"{"name":"a"}"#),
                vec![("mcp-method", "tools/call"), ("mcp-name", "a")],
                true,
            ),
            (call("tools/call", r#"{"name":"a","b":"c"}"#), vec![("mcp-name", "c")], false),
            (call("resources/read", r#"{"uri":"f:x"}"#), vec![("mcp-name", "f:x")], true),
            (call("resources/read", r#"{"uri":"f:x"}"#), vec![("mcp-name", "f:y")], false),
            (tool.clone(), vec![("mcp-name", "=?base64?ZMOtYQ==?=")], true),
            (tool.clone(), vec![("mcp-name", "=?base64?ZMOtYQ?=")], false),
            (tool, vec![("mcp-name", "dia")], false),
            (format!("[{}]", call("ping", "{}")), vec![("mcp-method", "ping")], false),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(), vec![("mcp-method", "ping")], false),
        ] {
            let asked = Asked::read(body.as_bytes()).expect("it is read");
            assert_eq!(agree(&headers(&lines), Some(&asked)).is_ok(), agree_, "{body} {lines:?}");
        }
        assert!(agree(&headers(&[("mcp-method", "x")]), None).is_err());
        assert!(agree(&headers(&[("mcp-session-id", "x")]), None).is_ok());
    }

    #[test]
    fn params_say_what_the_arguments_are() {
        let json = r#"{"name":"t","inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Area"},
            "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}}}"#;
        let tool = Tool {
            name: "t".into(),
            description: String::new(),
            json: serde_json::value::RawValue::from_string(json.into()).expect("JSON").into(),
        };
        let tools = [tool];
        for (tool, arguments, name, value, agree) in [
            ("t", r#"{"region":"eu"}"#, "mcp-param-area", "eu", true),
            ("t", r#"{"region":"eu"}"#, "mcp-param-area", "us", false),
            ("t", r#"{}"#, "mcp-param-area", "eu", false),
            ("t", r#"{"region":null}"#, "mcp-param-area", "null", false),
            ("t", r#"{"deep":{"n":42.0}}"#, "mcp-param-n", "42", true),
            ("t", r#"{"deep":{"n":42}}"#, "mcp-param-n", "43", false),
            ("t", r#"{"other":true}"#, "mcp-param-other", "true", true),
            ("t", r#"{"other":true}"#, "mcp-param-other", "false", false),
            ("t", r#"{}"#, "mcp-param-other", "x", true),
            ("u", r#"{"Region":"eu"}"#, "mcp-param-region", "=?base64?ZXU=?=", true),
            ("u", r#"{"region":"eu"}"#, "mcp-param-region", "us", false),
        ] {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
            );
            let asked = Asked::read(body.as_bytes()).expect("it is read");
            let said = params_agree(&headers(&[(name, value)]), Some(&asked), &tools);
            assert_eq!(said.is_ok(), agree, "{body} {name}: {value}");
        }
        let ping = Asked::read(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).expect("it is read");
        assert!(params_agree(&headers(&[("mcp-param-a", "1")]), Some(&ping), &tools).is_err());
        assert!(params_agree(&headers(&[]), Some(&ping), &tools).is_ok());
    }
}
