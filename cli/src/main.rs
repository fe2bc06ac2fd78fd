//! `agentctl`: a person (or a script) at a terminal. Reads the command line, runs one command, prints once.

mod agents;
mod confirm;
mod credentials;
mod directory;
mod entries;
mod gateway;
mod http;
mod identity;
mod keycloak;
mod options;
mod outcome;
mod plain;
mod policy;
mod progress;
mod search;
mod servers;
mod table;
mod targets;
mod token;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use self::options::{Command, Options};
use self::outcome::{Exit, Report, say};
use self::plain::json_on;

fn main() -> ExitCode {
    let options = Options::read();
    let outcome = match &options.command {
        Command::Agent(command) => agents::run(command, &options.remote, options.json),
        Command::Server(command) => servers::run(command, &options.remote, options.json),
        Command::Search(question) => search::search(question, &options.remote, options.json),
        Command::Access(command) => policy::run(command, &options.remote, options.json),
        Command::Identity(command) => identity::run(command, &options.remote, options.json),
        Command::McpTarget(command) => targets::run(command, &options.remote, options.json),
        Command::Token(command) => token::run(command, &options.remote, options.json),
        Command::Keycloak(command) => keycloak::run(command, &options.remote, options.json),
        Command::Completions { shell } => Ok(completions(*shell)),
    };
    let (text, exit) = match outcome {
        Ok(report) => (report.text, report.exit),
        Err(failure) => {
            say(&failure.message);
            let body = failure.body.filter(|_| options.json);
            (failure.done + &body.unwrap_or_default(), failure.exit)
        }
    };
    let text = if options.json { json_on(io::stdout().is_terminal(), text) } else { text };
    match print(&text) {
        Ok(()) => exit.into(),
        Err(fault) => {
            say(&format!("cannot write to standard output: {fault}"));
            Exit::Refused.into()
        }
    }
}

/// What a shell reads to complete our command line.
fn completions(shell: Shell) -> Report {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Options::command(), "agentctl", &mut text);
    Report { text: String::from_utf8_lossy(&text).into_owned(), exit: Exit::Done }
}

/// Prints everything at once. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
