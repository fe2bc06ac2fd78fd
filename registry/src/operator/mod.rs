//! What an operator does with the kept state while the registry is stopped.

mod export;
mod import;
mod index;
mod kept;
mod lines;
mod source;

use std::process::ExitCode;

use catalog::CardRules;
use clap::Subcommand;
use store::StoreError;
use store::file::{self, Report};
use store::postgres::{self, DatabaseUrl, Follow};

use self::export::Export;
use self::import::Import;
pub use self::index::IndexCommand;
use self::kept::Kept;
use crate::storage::Storage;

/// `registry store …`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Read everything, change nothing, and say what is damaged: file, offset, reason.
    Check,
    /// Fold the journals into agent_state.json and server_state.json, as a registry does when it stops.
    Compact,
    /// Keep everything that can be read; the files as they were are kept beside it.
    Repair,
    /// After an older copy of the database was put back: registries, and everybody who follows the changes, begin
    /// anew, and no number is given twice. For --store postgres; the registries may run.
    Restored,
    /// Write every agent and server as JSON lines, for another store or for keeping.
    #[command(after_long_help = export::EXAMPLES)]
    Export(Export),
    /// Take agents and servers from an export, a state in the guide's form or the Python system's folders.
    #[command(after_long_help = import::EXAMPLES)]
    Import(Import),
}

impl StoreCommand {
    /// Does it, and prints what came of it. Exit code 0 when a registry would start, and everything was
    /// taken; else 1, and 2 for wrong use.
    pub fn run(&self, storage: Storage, rules: CardRules) -> ExitCode {
        match (self, storage) {
            (StoreCommand::Export(export), storage) => export.run(&Kept(storage)),
            (StoreCommand::Import(import), storage) => import.run(&Kept(storage), rules),
            (StoreCommand::Restored, Storage::Postgres { url, follow, .. }) => restored(&url, follow),
            (StoreCommand::Restored, Storage::File { .. }) => {
                eprintln!(
                    "registry: this is for --store postgres; a file store sees by itself what a person changed"
                );
                ExitCode::from(2)
            }
            (_, Storage::Postgres { .. }) => {
                eprintln!(
                    "registry: this is for --store file; a database is looked after with its own tools"
                );
                ExitCode::from(2)
            }
            (StoreCommand::Check, Storage::File { state, .. }) => told(file::check(&state)),
            (StoreCommand::Compact, Storage::File { state, limits, .. }) => {
                told(file::compact(&state, limits))
            }
            (StoreCommand::Repair, Storage::File { state, limits, .. }) => told(file::repair(&state, limits)),
        }
    }
}

fn restored(url: &DatabaseUrl, follow: Follow) -> ExitCode {
    let now = (kept::clock())();
    let done = match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            runtime.block_on(postgres::restored(url, follow, now)).map_err(|fault| fault.to_string())
        }
        Err(fault) => Err(fault.to_string()),
    };
    match done {
        Ok(number) => {
            println!(
                "registry: the changes go on from {number}; who follows them is told to read the list again \
                 (410, or the event reset)"
            );
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("registry: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn told(done: Result<Report, StoreError>) -> ExitCode {
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
