//! `registry store export`: every agent, for another store or for keeping.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::kept::Kept;
use super::lines;

/// What stands below the flags in `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  registry store export --to agents.jsonl --state /srv/agents/registry
  registry store export | gzip > agents.jsonl.gz

The first line is a head that counts the others; each of those is one agent:
  {\"kind\":\"agent\",\"path\":\"/code-reviewer\",\"card\":{…}}
Nothing is written into the store. `registry store import` reads it.";

/// `registry store export …`.
#[derive(Debug, Args)]
pub struct Export {
    /// File to write, whole or not at all, readable for its owner alone. Standard output when left out.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

impl Export {
    /// Does it.
    pub(super) fn run(&self, kept: &Kept) -> ExitCode {
        if let Some(file) = &self.to
            && kept.holds(file)
        {
            eprintln!(
                "registry: --to {}: the registry's own files are there; choose another folder",
                file.display()
            );
            return ExitCode::from(2);
        }
        match self.export(kept) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => {
                eprintln!("registry: {fault}");
                ExitCode::FAILURE
            }
        }
    }

    fn export(&self, kept: &Kept) -> Result<(), String> {
        let catalogue = kept.picture()?;
        match &self.to {
            Some(file) if file != Path::new("-") => {
                let mut bytes = Vec::new();
                lines::write(&mut bytes, &catalogue).map_err(|fault| fault.to_string())?;
                boot::files::replace(file, &bytes).map_err(|fault| fault.to_string())?;
                eprintln!("registry: {} agents of {kept} are in {}", catalogue.len(), file.display());
                Ok(())
            }
            _ => lines::write(&mut BufWriter::new(io::stdout().lock()), &catalogue)
                .map_err(|fault| format!("standard output: {fault}")),
        }
    }
}
