//! `mcp-target list`, `show` and `update`.

use serde::Deserialize;
use serde_json::Value;

use super::options::{List, Update};
use super::target::Target;
use super::{TARGETS, address};
use crate::directory::{Directory, One, unread};
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, say};
use crate::table::{facts, fit, room};

/// The MCP servers.
pub(super) fn list(options: &List, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let directory = Directory::open(remote, &options.keeper)?;
    let listed = directory.list(TARGETS, &[], options.all, "MCP servers")?;
    let text = if json { String::new() } else { rows(&listed.items)? };
    Ok(done(json, &listed.body, || text))
}

fn rows(targets: &[Value]) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for target in targets {
        let target = Target::deserialize(target).map_err(|_| unread("an MCP server"))?;
        let capability = target.required_capability.unwrap_or_default();
        rows.push([target.id, target.slug, target.resource_uri, target.aliases.join(", "), capability]);
    }
    if rows.is_empty() {
        say("there is no MCP server yet");
    }
    let titles = ["TARGET", "SLUG", "RESOURCE", "ALIASES", "CAPABILITY"];
    Ok(fit(titles, &rows, [false, false, true, true, false], room()))
}

/// Shows an MCP server.
pub(super) fn show(options: &One, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let directory = Directory::open(remote, &options.keeper)?;
    let given = directory.get(&address(&options.id), "the MCP server")?;
    let target: Target = given.data()?;
    Ok(done(json, &given.body, || facts(&target.rows())))
}

/// Changes what is named. PUT replaces the whole, so the rest is read first.
pub(super) fn update(options: &Update, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let directory = Directory::open(remote, &options.keeper)?;
    let path = address(&options.id);
    let given = directory.rewrite(&path, "the MCP server", |held: Target| Some(held.with(options).wish()))?;
    let target: Target = given.data()?;
    Ok(done(json, &given.body, || facts(&target.rows())))
}
