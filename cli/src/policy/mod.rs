//! `agentctl access …`: the access policy from a terminal.

mod check;
mod diff;
mod explain;
mod place;

use std::path::Path;

use serde_json::Value;

use crate::credentials::Needs;
use crate::gateway::{Call, Reply, Session};
use crate::http::Method;
use crate::options::{AccessCommand, Remote};
use crate::outcome::{Exit, Failure, Report};

/// Runs one of the commands.
pub(crate) fn run(command: &AccessCommand, remote: &Remote, json: bool) -> Result<Report, Failure> {
    match command {
        AccessCommand::Check(options) => {
            let text = read(&options.file)?;
            Ok(check::check(&options.file, &text, options.strict, json))
        }
        AccessCommand::Explain(options) => {
            let reply = ask(remote, "/api/access/explain", explain::question(options)?)?;
            Ok(explain::report(&reply.read()?, json.then_some(reply.body)))
        }
        AccessCommand::Diff(options) => {
            let text = read(&options.file)?;
            let reply = ask(remote, "/api/access/simulate", diff::question(&text))?;
            Ok(diff::report(&options.file, &reply.read()?, json.then_some(reply.body)))
        }
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|fault| Failure::new(Exit::WrongUse, format!("{}: {fault}", file.display())))
}

/// Asks with a token that is worth sending; without one, nothing leaves this machine.
fn ask(remote: &Remote, path: &str, question: Value) -> Result<Reply, Failure> {
    let call = Call::new(Method::POST, path).json(question).waiting_for("the decision");
    Session::open(remote, &[Needs::nothing()])?.ask(call)
}

/// The report of an answer: the server's own JSON where that was asked for.
fn report(json: Option<String>, text: impl FnOnce() -> String, yes: bool) -> Report {
    let text = json.map_or_else(text, |body| format!("{}\n", body.trim_end()));
    Report { text, exit: if yes { Exit::Done } else { Exit::Refused } }
}

/// "1 fault", "2 faults".
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
