//! `agentctl agent …`: registering agents, keeping their cards, finding and testing them.

mod examples;
mod find;
mod list;
mod options;
mod show;
mod test;

pub(crate) use self::examples::AGENT as EXAMPLES;
pub(crate) use self::options::AgentCommand;
use self::options::{Register, Update};
use crate::entries::{self, AGENT, Switch};
use crate::options::Remote;
use crate::outcome::{Failure, Report};

/// Runs one of the commands.
pub(crate) fn run(command: &AgentCommand, remote: &Remote, json: bool) -> Result<Report, Failure> {
    match command {
        AgentCommand::Register(options) => register(options, remote, json),
        AgentCommand::List(options) => list::list(options, remote, json),
        AgentCommand::Get(options) => show::get(&options.path, remote, json),
        AgentCommand::Update(options) => update(options, remote, json),
        AgentCommand::Delete(options) => entries::delete(&AGENT, &options.paths, options.yes, remote, json),
        AgentCommand::Toggle(options) => {
            entries::toggle(&AGENT, &options.path, options.state == Switch::On, remote, json)
        }
        AgentCommand::Search(options) => find::search(options, remote, json),
        AgentCommand::Discover(options) => find::discover(options, remote, json),
        AgentCommand::Test(options) => test::one(options, remote, json),
        AgentCommand::TestAll(options) => test::all(options, remote, json),
    }
}

fn register(options: &Register, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let cards = entries::read_all(&AGENT, &options.cards, entries::open, options.unchecked)?;
    entries::register(&AGENT, cards, options.enable, remote, json)
}

fn update(options: &Update, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let fields = entries::read(&options.card)?.fields;
    let Update { path, patch, if_match, .. } = options;
    let update = entries::Update { path, fields, patch: *patch, if_match: if_match.as_deref() };
    entries::update(&AGENT, update, remote, json)
}
