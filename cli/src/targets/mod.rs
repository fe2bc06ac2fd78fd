//! `agentctl mcp-target …`: the MCP servers that agents can get tokens for.

mod examples;
mod keep;
mod make;
mod options;
mod target;

pub(crate) use self::examples::TARGET as EXAMPLES;
pub(crate) use self::options::TargetCommand;
use crate::directory::remove;
use crate::http::segment;
use crate::options::Remote;
use crate::outcome::{Failure, Report};

/// Runs one of the commands.
pub(crate) fn run(command: &TargetCommand, remote: &Remote, json: bool) -> Result<Report, Failure> {
    match command {
        TargetCommand::Create(options) => make::create(options, remote, json),
        TargetCommand::List(options) => keep::list(options, remote, json),
        TargetCommand::Show(options) => keep::show(options, remote, json),
        TargetCommand::Update(options) => keep::update(options, remote, json),
        TargetCommand::Delete(options) => remove(options, remote, json, address),
        TargetCommand::Rotate(options) => make::rotate(options, remote, json),
    }
}

/// Where all of them are.
const TARGETS: &str = "/mcp/servers";

/// Where one of them is, by its id or slug.
fn address(id: &str) -> String {
    format!("{TARGETS}/{}", segment(id))
}
