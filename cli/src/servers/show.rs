//! `server get` and `server tools`: a server and what it can do.

use access::Action;
use catalog::EntryPath;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::credentials::Needs;
use crate::entries::{self, Field, SERVER, facts_of};
use crate::gateway::{Call, Session};
use crate::http::Method;
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, say};
use crate::plain::one_line;
use crate::table::{fit, room};

const FIELDS: [Field; 17] = [
    ("path", "path"),
    ("server_name", "name"),
    ("description", "description"),
    ("proxy_pass_url", "url"),
    ("supported_transports", "transports"),
    ("headers", "headers"),
    ("token_exchange", "tokens for"),
    ("tags", "tags"),
    ("license", "license"),
    ("is_enabled", "enabled"),
    ("health_status", "health"),
    ("last_checked_iso", "checked at"),
    ("max_concurrency", "calls at a time"),
    ("answer_timeout", "seconds to answer"),
    ("registered_by", "registered by"),
    ("registered_at", "registered at"),
    ("updated_at", "updated at"),
];

/// A tool as `tools/list` told it.
#[derive(Deserialize)]
struct Tool {
    name: String,
    #[serde(default)]
    description: Option<String>,
}

/// Shows the card of a server; of its headers the names.
pub(super) fn get(path: &EntryPath, remote: &Remote, json: bool) -> Result<Report, Failure> {
    entries::get(&SERVER, path, remote, json, text)
}

fn text(card: &Map<String, Value>, etag: Option<&str>) -> String {
    let mut out = facts_of(&FIELDS, card, etag);
    let told = card.get("tool_list").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let tools: Vec<Tool> = told.iter().filter_map(|tool| Tool::deserialize(tool).ok()).collect();
    if !tools.is_empty() {
        out.push('\n');
        out += &table(&tools);
    }
    out
}

/// Shows the tools of a server that the caller may call.
pub(super) fn tools(path: &EntryPath, remote: &Remote, json: bool) -> Result<Report, Failure> {
    #[derive(Deserialize)]
    struct Tools {
        tools: Vec<Tool>,
    }
    let session = Session::open(remote, &[Needs::on(Action::ListService, path.clone())])?;
    let address = format!("{}/tools", SERVER.address(path));
    let reply = session.ask(Call::new(Method::GET, address).waiting_for(format!("the tools of {path}")))?;
    let Tools { tools } = reply.read()?;
    if tools.is_empty() && !json {
        say("it has no tool, or none that you may call");
    }
    Ok(done(json, &reply.body, || table(&tools)))
}

fn table(tools: &[Tool]) -> String {
    let row = |tool: &Tool| [tool.name.clone(), one_line(tool.description.as_deref().unwrap_or_default())];
    let rows: Vec<_> = tools.iter().map(row).collect();
    fit(["TOOL", "DESCRIPTION"], &rows, [false, true], room())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_in_few_lines() {
        let card = json!({
            "server_name": "Clock", "path": "/clock", "proxy_pass_url": "http://127.0.0.1:8001/mcp",
            "supported_transports": ["streamable-http", "sse"], "headers": {"authorization": "***"},
            "token_exchange": {"audience": "https://clock.example.com"}, "is_enabled": true, "num_tools": 1,
            "tool_list": [{"name": "now", "description": "Says the time.\n\n  In a zone.", "inputSchema": {}}]
        });
        assert_eq!(
            text(card.as_object().unwrap(), None),
            "path        /clock\nname        Clock\nurl         http://127.0.0.1:8001/mcp\n\
             transports  streamable-http, sse\nheaders     authorization\n\
             tokens for  https://clock.example.com\nenabled     yes\n\n\
             TOOL  DESCRIPTION\nnow   Says the time. In a zone.\n"
        );
    }
}
