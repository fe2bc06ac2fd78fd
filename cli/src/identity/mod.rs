//! `agentctl identity …`: agents with an identity in an organisation's directory. What they may do, what they may
//! use, and their secrets.

mod agent;
mod budget;
mod capabilities;
mod examples;
mod keep;
mod list;
mod make;
mod options;
mod usage;

pub(crate) use self::examples::IDENTITY as EXAMPLES;
pub(crate) use self::options::IdentityCommand;
use crate::directory::remove;
use crate::http::segment;
use crate::options::Remote;
use crate::outcome::{Failure, Report};

/// Runs one of the commands.
pub(crate) fn run(command: &IdentityCommand, remote: &Remote, json: bool) -> Result<Report, Failure> {
    match command {
        IdentityCommand::Create(options) => make::create(options, remote, json),
        IdentityCommand::List(options) => list::list(options, remote, json),
        IdentityCommand::Show(options) => keep::show(options, remote, json),
        IdentityCommand::Grant(options) => capabilities::grant(options, remote, json),
        IdentityCommand::Revoke(options) => capabilities::revoke(options, remote, json),
        IdentityCommand::Budget(options) => budget::budget(options, remote, json),
        IdentityCommand::Rotate(options) => make::rotate(options, remote, json),
        IdentityCommand::Suspend(options) => keep::switch(options, false, remote, json),
        IdentityCommand::Activate(options) => keep::switch(options, true, remote, json),
        IdentityCommand::Delete(options) => remove(options, remote, json, address),
        IdentityCommand::Usage(options) => usage::usage(options, remote, json),
    }
}

/// Where all of them are.
const AGENTS: &str = "/agents";

/// Where one of them is, by its id or slug.
fn address(id: &str) -> String {
    format!("{AGENTS}/{}", segment(id))
}
