//! `agentctl server …`: registering MCP servers, keeping their cards, looking at their tools and calling one.

mod call;
mod check;
mod events;
mod examples;
mod headers;
mod history;
mod list;
mod mcp;
mod options;
mod show;

use std::path::Path;

pub(crate) use self::examples::SERVER as EXAMPLES;
pub(crate) use self::options::ServerCommand;
use self::options::{Register, Update};
use crate::entries::{self, SERVER, Switch};
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report};

/// Runs one of the commands.
pub(crate) fn run(command: &ServerCommand, remote: &Remote, json: bool) -> Result<Report, Failure> {
    match command {
        ServerCommand::Register(options) => register(options, remote, json),
        ServerCommand::List(options) => list::list(options, remote, json),
        ServerCommand::Get(options) => show::get(&options.path, remote, json),
        ServerCommand::Update(options) => update(options, remote, json),
        ServerCommand::Delete(options) => entries::delete(&SERVER, &options.paths, options.yes, remote, json),
        ServerCommand::Toggle(options) => {
            entries::toggle(&SERVER, &options.path, options.state == Switch::On, remote, json)
        }
        ServerCommand::Tools(options) => show::tools(&options.path, remote, json),
        ServerCommand::Check(options) => check::check(&options.path, remote, json),
        ServerCommand::History(options) => history::history(options, remote, json),
        ServerCommand::Call(options) => call::call(options, remote, json),
    }
}

fn register(options: &Register, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let Register { cards, headers, enable, unchecked } = options;
    let several = cards.len() > 1 && !headers.is_empty();
    if several {
        return Err(Failure::new(Exit::WrongUse, "--header is for one card: register them one by one"));
    }
    let headers = headers::read(headers, cards)?;
    let read = |file: &Path| {
        let mut card = entries::open(file)?;
        headers::warn(file, &card.fields);
        headers::put(&headers, &mut card.fields).map_err(|why| format!("{}: {why}", card.name))?;
        Ok(card)
    };
    let cards = entries::read_all(&SERVER, cards, read, *unchecked)?;
    entries::register(&SERVER, cards, *enable, remote, json)
}

fn update(options: &Update, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let Update { path, card: file, headers, patch, if_match } = options;
    let headers = headers::read(headers, std::slice::from_ref(file))?;
    let mut fields = entries::read(file)?.fields;
    headers::warn(file, &fields);
    headers::put(&headers, &mut fields).map_err(|why| Failure::new(Exit::WrongUse, why))?;
    let update = entries::Update { path, fields, patch: *patch, if_match: if_match.as_deref() };
    entries::update(&SERVER, update, remote, json)
}
