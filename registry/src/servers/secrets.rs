//! At the start: values of headers that somebody has written into the state by hand are sealed.

use access::Action;
use catalog::{Entry, ServerEntry};
use store::StoreError;

use super::author;
use crate::App;
use crate::keyring::{Keyring, is_seal};

/// Seals every value that stands in the state in clear.
///
/// # Errors
/// Why that could not be done, as a sentence: a registry that went on would leave secrets lying open.
pub async fn seal_headers(app: &App) -> Result<(), String> {
    for server in app.servers.catalogue().iter() {
        if server.headers.values().all(|value| is_seal(value)) {
            continue;
        }
        let next = sealed(&app.keyring, server).map_err(|fault| format!("{}: {fault}", server.path))?;
        let permit = author::permit(Action::ModifyService, server);
        match app.servers.replace(&permit, server.etag(), next).await {
            Ok(_) => {
                tracing::info!(path = %server.path, "the headers of a server were in clear, and are sealed now")
            }
            // Another registry on this database was quicker.
            Err(StoreError::Changed { .. } | StoreError::Absent(_)) => {}
            Err(fault) => return Err(format!("{}: its headers could not be sealed: {fault}", server.path)),
        }
    }
    Ok(())
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
