//! `agentctl agent …`: registering agents, keeping their cards, finding and testing them.

mod cards;
mod examples;
mod find;
mod keep;
mod list;
mod options;
mod publish;
mod show;
mod test;

use catalog::EntryPath;

pub(crate) use self::examples::AGENT as EXAMPLES;
pub(crate) use self::options::AgentCommand;
use crate::options::Remote;
use crate::outcome::{Failure, Report, done, line};

/// Runs one of the commands.
pub(crate) fn run(command: &AgentCommand, remote: &Remote, json: bool) -> Result<Report, Failure> {
    match command {
        AgentCommand::Register(options) => publish::register(options, remote, json),
        AgentCommand::List(options) => list::list(options, remote, json),
        AgentCommand::Get(options) => show::get(&options.path, remote, json),
        AgentCommand::Update(options) => keep::update(options, remote, json),
        AgentCommand::Delete(options) => keep::delete(options, remote, json),
        AgentCommand::Toggle(options) => keep::toggle(options, remote, json),
        AgentCommand::Search(options) => find::search(options, remote, json),
        AgentCommand::Discover(options) => find::discover(options, remote, json),
        AgentCommand::Test(options) => test::one(options, remote, json),
        AgentCommand::TestAll(options) => test::all(options, remote, json),
    }
}

/// The address of an agent in the registry's API.
fn address(path: &EntryPath) -> String {
    format!("/api/agents/{}", path.as_segment())
}
