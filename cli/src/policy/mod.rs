//! `agentctl access …`: the access policy from a terminal.

mod check;
mod diff;
mod explain;
mod place;

use std::path::Path;

use serde_json::Value;

use crate::credentials::{self, Needs};
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
            let body = ask(remote, "/api/access/explain", &explain::question(options))?;
            let answer = serde_json::from_str(&body).map_err(|fault| remote.gateway.misunderstood(&fault))?;
            Ok(explain::report(&answer, json.then_some(body)))
        }
        AccessCommand::Diff(options) => {
            let text = read(&options.file)?;
            let body = ask(remote, "/api/access/simulate", &diff::question(&text))?;
            let answer = serde_json::from_str(&body).map_err(|fault| remote.gateway.misunderstood(&fault))?;
            Ok(diff::report(&options.file, &answer, json.then_some(body)))
        }
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|fault| Failure::new(Exit::WrongUse, format!("{}: {fault}", file.display())))
}

/// Asks with a token that is worth sending; without one, nothing leaves this machine.
fn ask(remote: &Remote, path: &str, question: &Value) -> Result<String, Failure> {
    let token = credentials::obtain(remote, &Needs::nothing())?;
    remote.gateway.post(path, &token, question)
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
