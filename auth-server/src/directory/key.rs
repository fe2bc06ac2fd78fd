//! The organisation's key: it opens the admin API, and nothing else.
//!
//! It has 256 random bits, so that a plain SHA-256 of it can be kept: nobody guesses it, and to check it costs
//! next to nothing.

use std::path::Path;

use access::{Asker, DirectoryAction, DirectoryPermit};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use boot::{Secret, files};
use serde_json::json;
use store::StoreError;
use store::directory::{Directory, DirectoryStore, Wish};

use super::{Desk, Keeper, data, random_secret};
use crate::agents::IdentityError;
use crate::reply::Reply;
use crate::validate::Field;

/// What the names of keys begin with that may not count.
const DRAFT: &str = "admin_key.";
/// The least length of a key, in bytes.
const LEAST: usize = 40;
/// What keys of organisations begin with.
pub(crate) const PREFIX: &str = "lmk_";
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
    if let Some(held) = store.directory().admin_key() {
        return settle(state, held).map_err(|fault| format!("{}: {fault}", state.display()));
    }
    let file = state.join(FILE);
    // One that is there already was another directory's, and somebody uses it.
    let held = files::read_private(&state.join(FILE)).map_err(|fault| fault.to_string())?;
    let held = held.and_then(|bytes| String::from_utf8(bytes).ok()).map(|text| text.trim().to_owned());
    let made = held.filter(|text| text.starts_with(PREFIX) && text.len() >= LEAST).map_or(made, Secret::new);
    match keep(store, state, &made, None, &by_server("first start")?).await {
        Ok(()) => {
            tracing::info!(file = %file.display(), "the organisation's key was made");
            Ok(())
        }
        Err(StoreError::Changed { .. }) => {
            tracing::info!("the organisation's key was made by another server");
            Ok(())
        }
        Err(fault) => Err(fault.to_string()),
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
    match keep(store, state, &made, before, &by_server("operator")?).await {
        Ok(()) => Ok(()),
        Err(StoreError::Changed { .. }) => {
            Err("the key was changed by another server meanwhile: try again".to_owned())
        }
        Err(fault) => Err(fault.to_string()),
    }
}

/// Keeps the key, and then its file. The draft comes first: a key that nobody can read any more would be of no
/// use; and the name last, so that the file is that of a key that counts. What a crash leaves between the two,
/// the next start settles.
async fn keep(
    store: &dyn DirectoryStore,
    state: &Path,
    made: &Secret,
    before: Option<String>,
    permit: &DirectoryPermit,
) -> Result<(), StoreError> {
    let failed = |fault: &dyn std::fmt::Display| {
        let (place, reason) = (state.display().to_string(), fault.to_string());
        StoreError::Unavailable { place, reason }
    };
    let draft = state.join(format!("{DRAFT}{}", chance()));
    let text = format!("{}\n", made.expose());
    files::write_new(&draft, text.as_bytes()).map_err(|fault| failed(&fault))?;
    let kept = store.write(permit, Wish::SetAdminKey { hash: hashed(made.expose()), before }).await;
    match kept {
        Ok(_) => match files::replace(&state.join(FILE), text.as_bytes()) {
            Ok(()) => drop(std::fs::remove_file(&draft)),
            // It counts all the same, and the draft can be read.
            Err(fault) => tracing::error!(%fault, file = %draft.display(), "the new key stands in a draft"),
        },
        // It may have been kept all the same: then this is the only place where it can be read.
        Err(StoreError::Unavailable { .. }) => {
            tracing::error!(file = %draft.display(), "if the new key counts now, it is here");
        }
        Err(_) => drop(std::fs::remove_file(&draft)),
    }
    kept.map(drop)
}

/// Gives the draft of the key that counts its name, and removes those of keys that never did.
fn settle(state: &Path, held: &str) -> std::io::Result<()> {
    for entry in std::fs::read_dir(state)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| name.starts_with(DRAFT)) {
            continue;
        }
        let path = entry.path();
        // One that others can read is left to the operator.
        let Ok(Some(text)) = files::read_private(&path) else { continue };
        if same(held, &hashed(String::from_utf8_lossy(&text).trim())) {
            std::fs::rename(&path, state.join(FILE))?;
        } else {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Of two servers that share the folder, each has drafts of its own.
fn chance() -> String {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's randomness does not run dry once started");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn by_server(reason: &'static str) -> Result<DirectoryPermit, String> {
    Asker::Server(reason).may(DirectoryAction::Write).map_err(|fault| fault.to_string())
}

/// Puts a new key in place of the one that was shown, which is void at once.
pub(super) async fn rotate(desk: &Desk<'_>) -> Result<Reply, IdentityError> {
    let (Keeper::Key, Field::Once(shown)) = (&desk.keeper, desk.asked.api_key) else {
        return Err(IdentityError::KeyAlone);
    };
    let before = Some(hashed(&String::from_utf8_lossy(shown)));
    let key = random_secret(desk.app, PREFIX);
    match keep(desk.agents.store(), &desk.app.state, &key, before, desk.permit).await {
        Ok(()) => {}
        Err(StoreError::Changed { .. }) => return Err(IdentityError::Key),
        Err(fault) => return Err(IdentityError::Store(fault)),
    }
    let shown = json!({ "apiKey": key.expose() });
    Ok(data(200, &shown, Some("The key was replaced; the old one is void. This one is not shown again.")))
}
