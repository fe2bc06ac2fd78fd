//! A secret that the server shows once: printed once and said to be so, or written to a private file.

use std::fs;
use std::path::{Path, PathBuf};

use boot::files;
use clap::Args;
use serde_json::Value;

use super::Given;
use crate::outcome::{Exit, Failure, Report, done, say};
use crate::plain::plain;
use crate::table::facts;

/// No secret's file is longer.
const MOST_BYTES: u64 = 1024;

/// Where a secret goes that is shown once.
#[derive(Debug, Args)]
pub(crate) struct SecretOut {
    /// Write the secret to this file (mode 0600), and print it nowhere
    #[arg(long, value_name = "FILE")]
    secret_out: Option<PathBuf>,
}

/// A secret of an answer.
pub(crate) struct Once<'o> {
    /// Where it goes.
    pub(crate) out: &'o SecretOut,
    /// What it is called in the answer's `data`.
    pub(crate) field: &'static str,
    /// What people call it.
    pub(crate) title: &'static str,
    /// Whether the file of the secret that goes may become its file.
    pub(crate) replaces: bool,
    /// The command that makes another one, if this one is lost.
    pub(crate) again: String,
}

impl SecretOut {
    /// Whether a new secret can be written, before there is one: it would be hard to have without a file.
    ///
    /// # Errors
    /// [`Exit::WrongUse`] when something is there already: a secret cannot be had again.
    pub(crate) fn is_free(&self) -> Result<(), Failure> {
        self.ready(|_| Some("something is there already"))
    }

    /// The same, where the file of the secret that goes may become that of the one that comes.
    ///
    /// # Errors
    /// [`Exit::WrongUse`] when what is there can be no secret's file.
    pub(crate) fn may_be_replaced(&self) -> Result<(), Failure> {
        self.ready(|file| {
            let short = file.metadata().is_ok_and(|file| file.is_file() && file.len() <= MOST_BYTES);
            let one = |text: String| text.split_whitespace().count() <= 1;
            let is_secrets = short && fs::read_to_string(file).is_ok_and(one);
            (!is_secrets).then_some("something else is in this file")
        })
    }

    fn ready(&self, fault: impl Fn(&Path) -> Option<&'static str>) -> Result<(), Failure> {
        let Some(file) = &self.secret_out else { return Ok(()) };
        let wrong = |why: &str| {
            let message = format!("{}: {why}: name another file with --secret-out", file.display());
            Failure::new(Exit::WrongUse, message)
        };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or(Ok(()), files::private_folder).map_err(|fault| wrong(&fault.to_string()))?;
        let there = file.symlink_metadata().is_ok();
        there.then(|| fault(file)).flatten().map_or(Ok(()), |why| Err(wrong(why)))
    }
}

impl Once<'_> {
    /// What was made, and its secret where it belongs: in its file, or last on standard output.
    ///
    /// # Errors
    /// [`Exit::Refused`] when the secret cannot be written; what was made is told then, too.
    pub(crate) fn told(
        self,
        given: &Given,
        mut rows: Vec<(&str, String)>,
        json: bool,
    ) -> Result<Report, Failure> {
        let mut answer: Value = given.read()?;
        let secret =
            answer["data"][self.field].as_str().filter(|secret| !secret.is_empty()).map(str::to_owned);
        match (secret, &self.out.secret_out) {
            (None, file) => {
                if let Some(file) = file {
                    say(&format!("the answer holds no {}: {} is not written", self.title, file.display()));
                }
                Ok(done(json, &given.body, || facts(&rows)))
            }
            (Some(secret), None) => {
                let once = format!("the {}, shown this once", self.title);
                if json {
                    say(&format!("{once}, is in the answer"));
                }
                Ok(done(json, &given.body, || format!("{}\n{once}:\n{}\n", facts(&rows), plain(&secret))))
            }
            (Some(secret), Some(file)) => {
                if let Some(data) = answer["data"].as_object_mut() {
                    data.shift_remove(self.field);
                }
                let body = answer.to_string();
                // A file may have come there since it was looked at: another secret, written by another command.
                let write = if self.replaces { files::replace } else { files::write_new };
                if let Err(fault) = write(file, format!("{secret}\n").as_bytes()) {
                    let (title, again) = (self.title, &self.again);
                    let message = format!("the {title} is not written: {fault}: '{again}' makes another");
                    let told = done(json, &body, || facts(&rows)).text;
                    return Err(Failure { done: told, ..Failure::new(Exit::Refused, message) });
                }
                rows.push(("secret in", file.display().to_string()));
                Ok(done(json, &body, || facts(&rows)))
            }
        }
    }
}
