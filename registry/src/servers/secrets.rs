//! At the start: values of headers that somebody has written into the state by hand are sealed.

use access::Action;
use catalog::{Entry, ServerEntry};
use store::{EntryStore, StoreError};

use super::author;
use crate::keyring::{Keyring, is_seal};

/// Seals every value that stands in the state in clear, and says whether there were any: then the store must be
/// closed and opened again, since what was written by hand stays in its file until it is closed.
///
/// # Errors
/// Why that could not be done, as a sentence: a registry that went on would leave secrets lying open.
pub async fn seal_headers(servers: &dyn EntryStore<ServerEntry>, keyring: &Keyring) -> Result<bool, String> {
    let mut found = false;
    for server in servers.catalogue().iter() {
        if server.headers.values().all(|value| is_seal(value)) {
            continue;
        }
        found = true;
        let next = sealed(keyring, server).map_err(|fault| format!("{}: {fault}", server.path))?;
        let permit = author::permit(Action::ModifyService, server);
        match servers.replace(&permit, server.etag(), next).await {
            Ok(_) => {
                tracing::info!(path = %server.path, "the headers of a server were in clear, and are sealed now");
            }
            // Another registry on this database was quicker.
            Err(StoreError::Changed { .. } | StoreError::Absent(_)) => {}
            Err(fault) => return Err(format!("{}: its headers could not be sealed: {fault}", server.path)),
        }
    }
    Ok(found)
}

fn sealed(keyring: &Keyring, server: &ServerEntry) -> Result<ServerEntry, String> {
    let seal = |(name, value): (&String, &String)| {
        let value = match is_seal(value) {
            true => value.clone(),
            false => keyring.seal(server.policy_name(), name, value).map_err(|fault| fault.to_string())?,
        };
        Ok::<_, String>((name.clone(), value))
    };
    let values = server.headers.iter().map(seal).collect::<Result<_, _>>()?;
    server.with_headers(&values).map_err(|faults| faults.to_string())
}
