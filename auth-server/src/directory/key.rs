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

/// The least length of a key, in bytes.
const LEAST: usize = 40;
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
    // One that is there already was another directory's, and somebody uses it.
    let held = files::read_private(&state.join(FILE)).map_err(|fault| fault.to_string())?;
    let held = held.and_then(|bytes| String::from_utf8(bytes).ok()).map(|text| text.trim().to_owned());
    let made = held.filter(|text| text.starts_with(PREFIX) && text.len() >= LEAST).map_or(made, Secret::new);
    match keep(store, state, &made, None, &by_server("first start")?).await {
        Ok(()) => {
            tracing::info!(file = %file.display(), "the organisation's key was made");
            Ok(())
        }
        Err(KeyFault::Other) => {
            tracing::info!("the organisation's key was made by another server");
            Ok(())
        }
        Err(KeyFault::Unkept(fault)) => Err(fault.to_string()),
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
        Err(KeyFault::Other) => Err("the key was changed by another server meanwhile: try again".to_owned()),
        Err(KeyFault::Unkept(fault)) => Err(fault.to_string()),
    }
}

/// Why a key was not kept.
enum KeyFault {
    /// There is another one than was thought.
    Other,
    /// Neither the store nor the folder kept it.
    Unkept(StoreError),
}

/// Keeps the key, and then its file. The draft comes first: a key that nobody can read any more would be of no
/// use; and the name last: the file is never that of a key that does not count.
async fn keep(
    store: &dyn DirectoryStore,
    state: &Path,
    made: &Secret,
    before: Option<String>,
    permit: &DirectoryPermit,
) -> Result<(), KeyFault> {
    let failed = |fault: &dyn std::fmt::Display| {
        let (place, reason) = (state.display().to_string(), fault.to_string());
        KeyFault::Unkept(StoreError::Unavailable { place, reason })
    };
    // Named at random: two servers may share the folder, and a draft that a crash left must not be in the way.
    let draft =
        state.join(format!("{FILE}.{}", &hashed(&format!("{}{}", made.expose(), std::process::id()))[..16]));
    files::replace(&draft, format!("{}\n", made.expose()).as_bytes()).map_err(|fault| failed(&fault))?;
    match store.write(permit, Wish::SetAdminKey { hash: hashed(made.expose()), before }).await {
        Ok(_) => std::fs::rename(&draft, state.join(FILE)).map_err(|fault| failed(&fault)),
        Err(fault) => {
            match fault {
                // It may have been kept all the same: then this is the only place where it can be read.
                StoreError::Unavailable { .. } => {
                    tracing::error!(file = %draft.display(), "if the new key counts now, it is here");
                }
                _ => drop(std::fs::remove_file(&draft)),
            }
            match fault {
                StoreError::Changed { .. } => Err(KeyFault::Other),
                fault => Err(KeyFault::Unkept(fault)),
            }
        }
    }
}

fn by_server(reason: &'static str) -> Result<DirectoryPermit, String> {
    Asker::Server(reason).may(DirectoryAction::Write).map_err(|fault| fault.to_string())
}

/// What keys of organisations begin with.
pub(crate) const PREFIX: &str = "lmk_";

/// Puts a new key in place of the one that was shown, which is void at once.
pub(super) async fn rotate(desk: &Desk<'_>) -> Result<Reply, IdentityError> {
    let (Keeper::Key, Field::Once(shown)) = (&desk.keeper, desk.asked.api_key) else {
        return Err(IdentityError::KeyAlone);
    };
    let before = Some(hashed(&String::from_utf8_lossy(shown)));
    let key = random_secret(desk.app, PREFIX);
    match keep(desk.agents.store(), &desk.app.state, &key, before, desk.permit).await {
        Ok(()) => {}
        Err(KeyFault::Other) => return Err(IdentityError::Key),
        Err(KeyFault::Unkept(fault)) => return Err(IdentityError::Store(fault)),
    }
    let shown = json!({ "apiKey": key.expose() });
    Ok(data(200, &shown, Some("The key was replaced; the old one is void. This one is not shown again.")))
}
