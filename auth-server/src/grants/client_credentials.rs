//! The client credentials grant (RFC 6749 section 4.4): the secret proves who asks, nothing more.

use super::client::{Client, Clients};
use super::error::GrantError;
use super::form::Credentials;

/// Proves the client.
///
/// # Errors
/// Those of [`Clients::prove`].
pub(super) async fn prove(clients: &Clients, shown: Credentials) -> Result<Client, GrantError> {
    clients.prove(shown).await
}
