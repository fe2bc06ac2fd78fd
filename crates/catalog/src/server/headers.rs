//! The headers that a server wants to see. Their values are secrets: told once, and never shown again.

use std::collections::BTreeMap;
use std::fmt;

use access::identity;
use serde_json::{Map, Value, json};

use crate::Faults;

/// What stands in the place of a value wherever a server is shown. Sent back, it means: the value that is kept.
pub const HIDDEN: &str = "***";

/// The most headers of one server.
const MOST: usize = 32;
/// The longest name and the longest value, in bytes.
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 4096;

/// What the gateway itself says to servers, what belongs to a connection, and what tells who is calling: a
/// header of these would contradict the request it goes with.
const TAKEN: [&str; 35] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "last-event-id",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-authorization",
    "x-real-ip",
    "x-request-id",
    identity::AUTH_METHOD,
    identity::CLIENT_ID,
    identity::GROUPS,
    identity::SCOPES,
    identity::SEALED,
    identity::SERVER_NAME,
    identity::TOOL_NAME,
    identity::USER,
    identity::USERNAME,
];
/// All that begin so: the protocol's own, and what proxies say of the way here.
const TAKEN_PREFIXES: [&str; 2] = ["mcp-", "x-forwarded-"];

/// A header's value on its way into the registry.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// As it is to be sent; the store must never see it so.
    Clear(String),
    /// As the store has it.
    Kept(String),
}

/// Never with the value.
impl fmt::Debug for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Told::Clear(_) => "Clear(***)",
            Told::Kept(_) => "Kept(***)",
        })
    }
}

/// One object of lower-case names, whichever form was sent: an object, or a list of objects `{name: value}`
/// or `{"name": …, "value": …}`. Header names have no case, so that two that differ in case alone are one.
pub(super) fn in_lower_case(value: Value, faults: &mut Faults) -> Value {
    let objects = match objects(value) {
        Ok(objects) => objects,
        Err(other) => return other,
    };
    let mut headers = Map::new();
    for (name, value) in objects.into_iter().flatten() {
        let name = name.to_ascii_lowercase();
        if headers.insert(name.clone(), value).is_some() {
            faults.add(field(&name), "stands twice: case makes no difference in the names of headers");
        }
    }
    Value::Object(headers)
}

/// The objects `{name: value}` of these forms; `Err` has what is none of them.
pub(super) fn objects(value: Value) -> Result<Vec<Map<String, Value>>, Value> {
    match value {
        Value::Object(pairs) => Ok(vec![pairs]),
        Value::Array(items) if items.iter().all(Value::is_object) => {
            Ok(items.into_iter().filter_map(named).collect())
        }
        other => Err(other),
    }
}

fn named(item: Value) -> Option<Map<String, Value>> {
    let Value::Object(mut pairs) = item else { return None };
    match (pairs.len(), pairs.get("name").and_then(Value::as_str).map(str::to_owned)) {
        (2, Some(name)) if pairs.contains_key("value") => {
            let value = pairs.shift_remove("value")?;
            Some(Map::from_iter([(name, value)]))
        }
        (_, _) => Some(pairs),
    }
}

/// The headers of an entry as everybody sees them.
pub(super) fn hidden(kept: &BTreeMap<String, String>) -> Value {
    kept.keys().map(|name| (name.clone(), json!(HIDDEN))).collect::<Map<String, Value>>().into()
}

/// Takes the headers out of a card; `kept` are those that the store has.
pub(super) fn take(
    card: &mut Map<String, Value>,
    kept: &BTreeMap<String, String>,
    faults: &mut Faults,
) -> BTreeMap<String, Told> {
    let pairs = match card.shift_remove("headers") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(pairs)) => pairs,
        Some(_) => {
            faults.add("headers", "must be an object of header names and values");
            Map::new()
        }
    };
    if pairs.len() > MOST {
        faults.add("headers", format!("at most {MOST} headers, these are {}", pairs.len()));
    }
    let mut told = BTreeMap::new();
    for (name, value) in pairs {
        let old = kept.get(&name);
        if let Err(fault) = check_name(&name) {
            faults.add(field(&name), fault);
        }
        match value {
            Value::String(value) if value == HIDDEN => match old {
                Some(old) => {
                    told.insert(name, Told::Kept(old.clone()));
                }
                None => {
                    let fault = "stands for a value that is kept for this address, and none is: send the value, or null \
                                 to remove the header";
                    faults.add(field(&name), fault);
                }
            },
            // No fault repeats a value.
            Value::String(value) => {
                if let Err(fault) = check_value(&value) {
                    faults.add(field(&name), fault);
                }
                told.insert(name, Told::Clear(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                faults.add(field(&name), "must be a text");
            }
        }
    }
    told
}

fn field(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    format!("headers.{shown}")
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(token) {
        return Err("is no name of a header: up to 128 letters, digits and hyphens");
    }
    if TAKEN.contains(&name) || TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err("is a header that the gateway sets itself or that belongs to the connection");
    }
    Ok(())
}

fn check_value(value: &str) -> Result<(), &'static str> {
    let visible = |byte: u8| (0x20..0x7f).contains(&byte);
    if value.is_empty() || value.len() > LONGEST_VALUE {
        return Err("must have 1 to 4096 characters");
    }
    if !value.bytes().all(visible) || value.trim() != value {
        return Err("must be of visible ASCII characters, with spaces at most between them");
    }
    Ok(())
}
