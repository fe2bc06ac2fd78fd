//! `registry store import`: agents and servers of another registry, of a file, of the Python system.

mod apply;
mod importable;
mod plan;
mod report;

use std::process::ExitCode;

use catalog::CardRules;
use clap::Args;

use self::plan::{Existing, Plan};
use super::kept::{Kept, Pictures};
use super::source::{self, SourceFault};

/// What stands below the flags in `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  registry store import agents.jsonl                       an export of `registry store export`
  registry store import old/registry/agents --dry-run      the Python system's folder; writes nothing
  registry store import backup/agent_state.json            the guide's form
  registry store import old/registry/servers               the Python system's servers
  zcat agents.jsonl.gz | registry store import --existing replace -
  registry store export --store file | registry store import --store postgres -

Importing can be repeated: what is there already is kept, so that an interrupted import goes on where it
ended. Cards are kept as they are, with registered_at, registered_by and updated_at. Headers that servers want to see are
sealed in an export; one that stands in clear in a source is taken as it is, named in the report, and sealed when a
registry starts.
Exit code: 0 when everything was taken or was there, 1 when something was refused, 2 for wrong use.";

/// `registry store import …`.
#[derive(Debug, Args)]
pub struct Import {
    /// An export, an agent_state.json or server_state.json, a folder with them or of the Python system, or - for
    /// standard input.
    source: String,
    /// Tell what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// What happens to an entry whose path is taken by another card: the one that is there stays, or is
    /// replaced, or nothing at all is imported.
    #[arg(long, value_enum, default_value_t)]
    existing: Existing,
    /// Report as JSON.
    #[arg(long)]
    json: bool,
}

impl Import {
    /// Does it, and prints the report.
    pub(super) fn run(&self, kept: &Kept, rules: CardRules) -> ExitCode {
        let source = match source::read(&self.source) {
            Ok(source) => source,
            Err(fault) => {
                eprintln!("registry: {fault}");
                return match fault {
                    SourceFault::Unknown(_) => ExitCode::from(2),
                    SourceFault::Damaged(_) => ExitCode::FAILURE,
                };
            }
        };
        let report = if self.dry_run {
            kept.pictures().map(|held| Plan::new(source, &held, self.existing, rules).report)
        } else {
            kept.with_store(async |opened| {
                let plan = Plan::new(source, &Pictures::of(opened), self.existing, rules);
                apply::apply(opened, plan).await
            })
        };
        match report {
            Ok(mut report) => {
                report.target = kept.to_string();
                report.dry_run = self.dry_run;
                if self.json {
                    println!("{:#}", report.json());
                } else {
                    print!("{report}");
                }
                if report.complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(fault) => {
                eprintln!("registry: {fault}; nothing was imported");
                ExitCode::FAILURE
            }
        }
    }
}
