//! A client's secret: made by Keycloak, kept in a file that `token get` reads, never shown.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use boot::files;
use serde_json::{Value, json};

use super::admin::Admin;
use super::client::Client;
use super::options::SecretFile;
use super::steps::Step;
use crate::credentials::file_name;
use crate::options::Remote;
use crate::outcome::{Exit, Failure};

/// Where the secret of this client goes.
///
/// # Errors
/// When something else is there: another client's secret could not be had again without a new one.
pub(super) fn place(options: &SecretFile, client: &str, remote: &Remote) -> Result<PathBuf, Failure> {
    let beside = || remote.token_file.with_file_name(file_name(client));
    let file = options.client_file_out.clone().unwrap_or_else(beside);
    let other = |what: &str| {
        let message = format!("{}: {what}: name another file with --client-file-out", file.display());
        Failure::new(Exit::WrongUse, message)
    };
    match fs::read(&file) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(file),
        Err(fault) => Err(other(&fault.to_string())),
        Ok(bytes) => {
            let held: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            match held["client_id"].as_str() {
                Some(id) if id == client => Ok(file),
                Some(_) => Err(other("this is the file of another client")),
                None => Err(other("something else is in this file")),
            }
        }
    }
}

/// Has a secret (a new one, if asked or if there is none) and writes it to its file.
pub(super) fn ensure(
    admin: &Admin,
    client: &Client,
    rotate: bool,
    file: &Path,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let path = format!("{}/client-secret", client.path);
    // Before there is a new secret: it would be hard to have without a file.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), files::private_folder).map_err(|fault| unwritten(&fault.to_string()))?;
    let mut secret = None;
    if !rotate {
        secret = value(admin.find(&path, "read the client's secret")?);
    }
    let secret = match secret {
        Some(secret) => secret,
        None => {
            let made = value(Some(admin.renew(&path, "make a new secret")?));
            steps.push(Step::changed(format!("the secret of client {}", client.id)));
            made.ok_or_else(|| admin.failure("make a new secret", "there is none in the answer"))?
        }
    };
    let content = json!({"client_id": client.id, "client_secret": secret, "issuer": admin.issuer,
        "token_endpoint": admin.token_endpoint});
    let content = format!("{content:#}\n");
    let what = format!("file {}", file.display());
    let held = fs::read_to_string(file).ok();
    let private = file.metadata().is_ok_and(|file| file.mode() & 0o077 == 0);
    if held.as_ref() == Some(&content) && private {
        steps.push(Step::there(what));
        return Ok(());
    }
    files::replace(file, content.as_bytes()).map_err(|fault| unwritten(&fault.to_string()))?;
    steps.push(if held.is_some() { Step::changed(what) } else { Step::made(what) });
    Ok(())
}

fn value(answer: Option<Value>) -> Option<String> {
    answer?["value"].as_str().filter(|secret| !secret.is_empty()).map(str::to_owned)
}

fn unwritten(fault: &str) -> Failure {
    let message =
        format!("the client's secret is not written: {fault}: 'keycloak add-agent' writes it again");
    Failure::new(Exit::Refused, message)
}
