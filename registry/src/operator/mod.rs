//! What an operator does with the kept state while the registry is stopped.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use store::file::{self, Report};
use store::{HistoryLimits, StoreError};

/// `registry store …`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read everything, change nothing, and say what is damaged: file, offset, reason.
    Check,
    /// Fold the journal into agent_state.json, as a registry does when it stops.
    Compact,
    /// Keep everything that can be read; the files as they were are kept beside it.
    Repair,
}

impl StoreCommand {
    /// Does it, and prints what came of it. Exit code 0 when a registry would start, else 1.
    pub fn run(&self, state: &Path) -> ExitCode {
        let done: Result<Report, StoreError> = match self {
            StoreCommand::Check => file::check(state),
            StoreCommand::Compact => file::compact(state, HistoryLimits::default()),
            StoreCommand::Repair => file::repair(state, HistoryLimits::default()),
        };
        match done {
            Ok(report) => {
                print!("{}", report.text);
                if report.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(fault) => {
                eprintln!("registry: {fault}");
                ExitCode::FAILURE
            }
        }
    }
}
