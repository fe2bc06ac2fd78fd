//! `server list`: MCP servers → one table.

use serde::Deserialize;
use serde_json::Value;

use super::options::List;
use crate::entries::{self, SERVER};
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, say};
use crate::table::{fit, room};

/// A server as lists show it.
#[derive(Deserialize)]
struct Summary {
    path: String,
    server_name: String,
    num_tools: u64,
    #[serde(default)]
    health_status: Option<String>,
    is_enabled: bool,
    #[serde(default)]
    tags: Vec<String>,
}

/// The servers that fit, by path.
pub(super) fn list(options: &List, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let filter = [
        ("query", options.query.as_deref()),
        ("enabled_only", options.enabled_only.then_some("true")),
        ("tag", options.tag.as_deref()),
    ];
    let list = entries::list(&SERVER, &filter, options.all, remote)?;
    let text = if json { String::new() } else { rows(&list.entries)? };
    Ok(done(json, &list.body, || text))
}

fn rows(servers: &[Value]) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for server in servers {
        let Summary { path, server_name, num_tools, health_status, is_enabled, tags } =
            entries::read_one(&SERVER, server)?;
        let enabled = if is_enabled { "yes" } else { "no" };
        let health = health_status.unwrap_or_default();
        rows.push([path, server_name, num_tools.to_string(), tags.join(", "), health, enabled.to_owned()]);
    }
    if rows.is_empty() {
        say("no MCP server fits, or none that you may see");
    }
    let titles = ["PATH", "NAME", "TOOLS", "TAGS", "HEALTH", "ENABLED"];
    Ok(fit(titles, &rows, [false, true, false, true, false, false], room()))
}
