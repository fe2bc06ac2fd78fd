//! The organisation's key: it opens the admin API, and nothing else.
//!
//! It has 256 random bits, so that a plain SHA-256 of it can be kept: nobody guesses it, and to check it costs
//! next to nothing.

use std::path::Path;

use access::{Asker, DirectoryAction};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use boot::{Secret, files};
use serde_json::json;
use store::StoreError;
use store::directory::{Directory, DirectoryStore, Wish};

use super::{Desk, data, random_secret};
use crate::agents::IdentityError;
use crate::reply::Reply;

/// The file in the state folder that holds the key in clear, for whoever keeps the machine (0600).
const FILE: &str = "admin_key";

/// SHA-256 in hex.
pub(crate) fn hashed(secret: &str) -> String {
    digest(&SHA256, secret.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two hashes are one, in a time that does not say where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// Whether this is the organisation's key.
pub(crate) fn is_admin_key(directory: &Directory, shown: &[u8]) -> bool {
    let Ok(shown) = std::str::from_utf8(shown) else { return false };
    directory.admin_key().is_some_and(|held| same(held, &hashed(shown)))
}

/// Makes the key at the first start, and writes it where its file is. Of several servers on one directory, one
/// makes it.
///
/// # Errors
/// A line for the operator.
pub(crate) async fn first_key(store: &dyn DirectoryStore, state: &Path, made: Secret) -> Result<(), String> {
    if store.directory().admin_key().is_some() {
        return Ok(());
    }
    let file = state.join(FILE);
    match keep(store, &file, &made, None, "first start").await {
        Ok(()) => {
            tracing::info!(file = %file.display(), "the organisation's key was made");
            Ok(())
        }
        Err(KeyFault::Other) => {
            let _ = std::fs::remove_file(&file);
            tracing::info!("the organisation's key was made by another server");
            Ok(())
        }
        Err(KeyFault::Failed(fault)) => Err(fault),
    }
}

/// Puts a new key in place of the one there is, which is void then.
///
/// # Errors
/// A line for the operator.
pub(crate) async fn replace_key(
    store: &dyn DirectoryStore,
    state: &Path,
    made: Secret,
) -> Result<(), String> {
    let before = store.directory().admin_key().map(str::to_owned);
    match keep(store, &state.join(FILE), &made, before, "operator").await {
        Ok(()) => Ok(()),
        Err(KeyFault::Other) => Err("the key was changed by another server meanwhile: try again".to_owned()),
        Err(KeyFault::Failed(fault)) => Err(fault),
    }
}

/// Why a key was not kept.
enum KeyFault {
    /// There is another one than was thought.
    Other,
    Failed(String),
}

async fn keep(
    store: &dyn DirectoryStore,
    file: &Path,
    made: &Secret,
    before: Option<String>,
    by: &'static str,
) -> Result<(), KeyFault> {
    let permit = Asker::Server(by).may(DirectoryAction::Write);
    let permit = permit.map_err(|fault| KeyFault::Failed(fault.to_string()))?;
    // In the file first: a key that nobody can read any more would be of no use.
    write(file, made).map_err(KeyFault::Failed)?;
    match store.write(&permit, Wish::SetAdminKey { hash: hashed(made.expose()), before }).await {
        Ok(_) => Ok(()),
        Err(StoreError::Changed { .. }) => Err(KeyFault::Other),
        Err(fault) => Err(KeyFault::Failed(fault.to_string())),
    }
}

fn write(file: &Path, key: &Secret) -> Result<(), String> {
    files::replace(file, format!("{}\n", key.expose()).as_bytes()).map_err(|fault| fault.to_string())
}

/// What keys of organisations begin with.
pub(crate) const PREFIX: &str = "lmk_";

/// Puts a new key in place of the one that was shown, which is void at once.
pub(super) async fn rotate(desk: &Desk<'_>) -> Result<Reply, IdentityError> {
    if !desk.with_key {
        return Err(IdentityError::KeyAlone);
    }
    let before = desk.directory().admin_key().map(str::to_owned);
    let key = random_secret(desk.app, PREFIX);
    desk.write(Wish::SetAdminKey { hash: hashed(key.expose()), before }).await?;
    let file = desk.app.state.join(FILE);
    if let Err(fault) = write(&file, &key) {
        // It is in the answer, at least.
        tracing::error!(%fault, "the new key of the organisation could not be written to its file");
    }
    let shown = json!({ "apiKey": key.expose() });
    Ok(data(200, &shown, Some("The key was replaced; the old one is void. This one is not shown again.")))
}
