//! `registry store export`: every agent and server, for another store or for keeping.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::kept::{Kept, Pictures};
use super::lines;
use crate::keyring;

/// What stands below the flags in `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  registry store export --to agents.jsonl --state /srv/agents/registry
  registry store export | gzip > agents.jsonl.gz

The first line is a head that counts the others; each of those is one agent or server:
  {\"kind\":\"agent\",\"path\":\"/code-reviewer\",\"card\":{…}}
  {\"kind\":\"server\",\"path\":\"/currenttime\",\"card\":{…}}
Headers that servers want to see are written as they are kept: sealed, never in clear. They open with the key that
sealed them (registry.key beside the state, or --key-file), which is no part of an export.
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
        let pictures = kept.pictures()?;
        refuse_secrets_in_clear(&pictures)?;
        match &self.to {
            Some(file) if file != Path::new("-") => {
                let mut bytes = Vec::new();
                lines::write(&mut bytes, &pictures).map_err(|fault| fault.to_string())?;
                boot::files::replace(file, &bytes).map_err(|fault| fault.to_string())?;
                let (agents, servers) = (pictures.agents.len(), pictures.servers.len());
                eprintln!(
                    "registry: {agents} agents and {servers} servers of {kept} are in {}",
                    file.display()
                );
                Ok(())
            }
            _ => lines::write(&mut BufWriter::new(io::stdout().lock()), &pictures)
                .map_err(|fault| format!("standard output: {fault}")),
        }
    }
}

/// A header that was written into the state in clear is sealed when a registry starts. Until then there is no
/// export: it would carry the secret away.
fn refuse_secrets_in_clear(pictures: &Pictures) -> Result<(), String> {
    let in_clear = |value: &String| !keyring::is_seal(value);
    let mut servers = pictures.servers.iter().filter(|server| server.headers.values().any(in_clear));
    let Some(first) = servers.next() else { return Ok(()) };
    Err(format!(
        "the headers of {} servers are in clear, the first of them {}: start a registry on this store once, it seals \
         them; nothing was exported",
        servers.count() + 1,
        first.path
    ))
}
