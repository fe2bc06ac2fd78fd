//! An MCP server as it stands in the registry: its card, and what gateway and search must know of it.

mod draft;
mod headers;
mod reading;
mod shown;
#[cfg(test)]
mod tests;
mod tools;
mod validate;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use access::{Action, Resource, Visibility};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use url::Url;

use crate::entry::{Entry, WriteKind};
use crate::fields::{etag, string_list, strings, web_url};
use crate::place::ServerName;
use crate::{EntryPath, Faults};

pub use self::draft::{SealedDraft, ServerDraft};
pub use self::headers::HIDDEN;
pub use self::tools::{MAX_TOOLS, read_tools};

/// How an MCP server is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// One address for everything (MCP 2025-03-26 and later).
    StreamableHttp,
    /// A stream of events, and an address for messages that it names (MCP 2024-11-05).
    Sse,
}

impl Transport {
    /// Both, the newer one first.
    pub const ALL: [Transport; 2] = [Transport::StreamableHttp, Transport::Sse];

    /// The spelling in cards.
    pub const fn name(self) -> &'static str {
        match self {
            Transport::StreamableHttp => "streamable-http",
            Transport::Sse => "sse",
        }
    }

    /// Reads a spelling.
    pub fn named(name: &str) -> Option<Transport> {
        match name {
            "streamable-http" | "streamable_http" | "http" => Some(Transport::StreamableHttp),
            "sse" => Some(Transport::Sse),
            _ => None,
        }
    }

    /// The last segment of an address that says by itself which transport is spoken there.
    const fn segment(self) -> &'static str {
        match self {
            Transport::StreamableHttp => "mcp",
            Transport::Sse => "sse",
        }
    }
}

/// A tool of an MCP server, as `tools/list` told it.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Unique within the server.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The whole of what the server said of it.
    pub json: Arc<RawValue>,
}

/// How much of a server may be used at a time, and how long it may think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Requests and streams that are under way at a time, at most.
    pub max_concurrency: u32,
    /// Until the head of an answer must be there, in seconds.
    pub answer_timeout: u32,
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits { max_concurrency: 128, answer_timeout: 60 }
    }
}

/// An MCP server as it stands in the registry.
#[derive(Clone)]
pub struct ServerEntry {
    /// Where it lives: one segment.
    pub path: EntryPath,
    /// For people.
    pub name: String,
    /// What it is good for.
    pub description: String,
    /// Where it is reached.
    pub upstream: Url,
    /// How it is talked to, never empty.
    pub transports: Vec<Transport>,
    /// For discovery.
    pub tags: Vec<String>,
    /// Under which terms it may be used.
    pub license: String,
    /// What it offers, in its own order.
    pub tools: Arc<[Tool]>,
    /// Whether the gateway and discovery know it.
    pub enabled: bool,
    /// Headers that it wants to see, by their lower-case names; the values as they are stored, sealed.
    pub headers: BTreeMap<String, String>,
    /// Whom it takes tokens for, if it wants one that is bound to it (RFC 8693 `audience`).
    pub exchange: Option<String>,
    /// How much of it may be used.
    pub limits: ServerLimits,
    /// When it was registered, RFC 3339 in UTC.
    pub registered_at: String,
    /// The username of the registrant.
    pub registered_by: String,
    /// What access decides about it.
    pub resource: Arc<Resource>,
    etag: String,
    json: Arc<str>,
}

impl ServerEntry {
    /// The name that policies and the gateway's addresses have for it.
    pub fn policy_name(&self) -> &str {
        <ServerEntry as Entry>::policy_name(&self.path)
    }

    /// The same server, known to the gateway and to discovery, or not.
    ///
    /// # Errors
    /// What makes the card unusable.
    pub fn toggled(&self, enabled: bool, now: &str) -> Result<ServerEntry, Faults> {
        let mut card = self.card();
        card.insert("is_enabled".to_owned(), json!(enabled));
        card.insert("updated_at".to_owned(), json!(now));
        ServerEntry::from_card(self.path.clone(), card)
    }

    /// The same server with these values in its headers.
    ///
    /// # Errors
    /// What makes the card unusable.
    pub fn with_headers(&self, values: &BTreeMap<String, String>) -> Result<ServerEntry, Faults> {
        let mut card = self.card();
        card.insert("headers".to_owned(), json!(values));
        ServerEntry::from_card(self.path.clone(), card)
    }

    /// Where a transport is spoken, if the server speaks it. An address that ends with a slash is a folder
    /// (`http://host:8000/`) in which `mcp` or `sse` is the door; every other one is the door itself.
    pub fn endpoint(&self, transport: Transport) -> Option<Url> {
        if !self.transports.contains(&transport) {
            return None;
        }
        let path = self.upstream.path();
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let other = Transport::ALL.into_iter().find(|other| other.segment() == last && *other != transport);
        let mut endpoint = self.upstream.clone();
        match other {
            // `…/mcp` of a server that speaks both: the other door is beside it.
            Some(other) => {
                let folder = path.trim_end_matches('/').strip_suffix(other.segment())?;
                endpoint.set_path(&format!("{folder}{}", transport.segment()));
            }
            None if last == transport.segment() => {}
            None if path.ends_with('/') => endpoint.set_path(&format!("{path}{}", transport.segment())),
            None => {}
        }
        Some(endpoint)
    }
}

/// Never with its headers.
impl fmt::Debug for ServerEntry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ServerEntry({}, {})", self.path, self.etag)
    }
}

impl Entry for ServerEntry {
    const PLURAL: &'static str = "servers";
    const SINGULAR: &'static str = "server";

    fn from_card(path: EntryPath, mut card: Map<String, Value>) -> Result<ServerEntry, Faults> {
        let mut faults = Faults::default();
        card.entry("path").or_insert(json!(path.as_str()));
        let text = |name: &str| card.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("path").trim_end_matches('/') != path.as_str() {
            faults.add("path", format!("differs from the key '{path}' it stands under"));
        }
        if let Err(fault) = ServerName::parse(path.as_str().trim_matches('/')) {
            faults.add("path", fault.to_string());
        }
        if text("server_name").is_empty() {
            faults.add("server_name", "is required");
        }
        let upstream = web_url(&text("proxy_pass_url"));
        if upstream.is_none() {
            faults.add("proxy_pass_url", "must be an absolute http or https URL with a host");
        }
        let transports = transports(card.get("supported_transports"), &mut faults);
        let tags = strings(card.get("tags"), "tags", &mut faults);
        let enabled = match card.get("is_enabled") {
            None => false,
            Some(Value::Bool(enabled)) => *enabled,
            Some(_) => {
                faults.add("is_enabled", "must be true or false");
                false
            }
        };
        let tools = tools::read(card.get("tool_list"), &mut faults);
        let headers = headers(card.get("headers"), &mut faults);
        let exchange = card.get("token_exchange").and_then(|exchange| exchange.get("audience"));
        let exchange = exchange.and_then(Value::as_str).map(str::to_owned);
        if exchange.is_none() && card.get("token_exchange").is_some_and(|exchange| !exchange.is_null()) {
            faults.add("token_exchange", "must be an object {\"audience\": \"https://…\"}");
        }
        let limits = limits(&card, &mut faults);
        let upstream = faults.or(upstream)?.ok_or_else(|| Faults::one("proxy_pass_url", "is required"))?;
        let json: Arc<str> = serde_json::to_string(&card).unwrap_or_default().into();
        let registered_by = text("registered_by");
        let name = <ServerEntry as Entry>::policy_name(&path).to_owned();
        let resource = Resource::entry(name, registered_by.clone(), Visibility::Public, Vec::new());
        Ok(ServerEntry {
            name: text("server_name"),
            description: text("description"),
            license: text("license"),
            upstream,
            transports,
            tags,
            tools: tools.into(),
            enabled,
            headers,
            exchange,
            limits,
            registered_at: text("registered_at"),
            registered_by,
            resource: Arc::new(resource),
            etag: etag(&json),
            json,
            path,
        })
    }

    fn path(&self) -> &EntryPath {
        &self.path
    }

    fn etag(&self) -> &str {
        &self.etag
    }

    fn json(&self) -> &Arc<str> {
        &self.json
    }

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    fn policy_name(path: &EntryPath) -> &str {
        path.as_str().trim_matches('/')
    }

    fn actions(write: WriteKind) -> &'static [Action] {
        match write {
            WriteKind::Insert => &[Action::RegisterService],
            // A check brings the list of tools up to date.
            WriteKind::Replace => &[Action::ModifyService, Action::ToggleService, Action::HealthCheckService],
            WriteKind::Remove => &[Action::ModifyService],
        }
    }
}

fn transports(value: Option<&Value>, faults: &mut Faults) -> Vec<Transport> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return vec![Transport::StreamableHttp] };
    string_list(value, "supported_transports", faults);
    let mut named = Vec::new();
    for (number, name) in value.as_array().into_iter().flatten().filter_map(Value::as_str).enumerate() {
        match Transport::named(name) {
            Some(transport) if named.contains(&transport) => {}
            Some(transport) => named.push(transport),
            None => {
                faults.add(format!("supported_transports[{number}]"), "must be streamable-http or sse");
            }
        }
    }
    if named.is_empty() { vec![Transport::StreamableHttp] } else { named }
}

/// In any form that registration takes, and that other registries write.
fn headers(value: Option<&Value>, faults: &mut Faults) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let Some(value) = value.filter(|value| !value.is_null()) else { return headers };
    let objects = headers::objects(value.clone()).unwrap_or_else(|_| {
        faults.add("headers", "must be an object of header names and values");
        Vec::new()
    });
    for (name, value) in objects.into_iter().flatten() {
        match value {
            Value::String(value) => {
                headers.insert(name.to_ascii_lowercase(), value);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                faults.add(format!("headers.{name}"), "must be a text");
            }
        }
    }
    headers
}

fn limits(card: &Map<String, Value>, faults: &mut Faults) -> ServerLimits {
    let defaults = ServerLimits::default();
    let mut number = |name: &str, default: u32, most: u32| match card.get(name) {
        None | Some(Value::Null) => default,
        Some(value) => match value.as_u64().and_then(|value| u32::try_from(value).ok()) {
            Some(value) if (1..=most).contains(&value) => value,
            Some(_) | None => {
                faults.add(name, format!("must be a whole number from 1 to {most}"));
                default
            }
        },
    };
    ServerLimits {
        max_concurrency: number("max_concurrency", defaults.max_concurrency, 10_000),
        answer_timeout: number("answer_timeout", defaults.answer_timeout, 3_600),
    }
}
