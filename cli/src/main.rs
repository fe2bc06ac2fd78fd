//! `agentctl`: a person (or a script) at a terminal. Reads the command line, runs one command, prints once.

mod credentials;
mod gateway;
mod http;
mod options;
mod outcome;
mod plain;
mod policy;
mod progress;
mod table;
mod token;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use self::options::{Command, Options};
use self::outcome::Exit;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.command {
        Command::Access(command) => policy::run(command, &options.remote, options.json),
        Command::Token(command) => token::run(command, &options.remote, options.json),
    };
    let (text, exit) = match outcome {
        Ok(report) => (report.text, report.exit),
        Err(failure) => {
            eprintln!("agentctl: {}", failure.message);
            let body = failure.body.filter(|_| options.json);
            (failure.done + &body.unwrap_or_default(), failure.exit)
        }
    };
    match print(&text) {
        Ok(()) => exit.into(),
        Err(fault) => {
            eprintln!("agentctl: cannot write to standard output: {fault}");
            Exit::Refused.into()
        }
    }
}

/// Prints everything at once. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
