//! The client credentials grant (RFC 6749 section 4.4): the secret proves who asks, nothing more.

use super::client::Party;
use super::error::GrantError;
use super::form::Credentials;
use super::{Embedded, keycloak};
use crate::app::App;

/// Proves the client: one of the configuration, or an agent of the directory.
///
/// # Errors
/// [`GrantError::InvalidClient`], the same for a wrong secret, an unknown and a suspended one;
/// [`GrantError::Busy`], [`GrantError::KeeperAway`].
pub(super) async fn prove(app: &App, issuer: &Embedded, shown: Credentials) -> Result<Party, GrantError> {
    match (&issuer.agents, &issuer.keycloak) {
        // A client of the configuration is never asked for elsewhere.
        (Some(agents), Some(keeper)) if !issuer.clients.knows(&shown.client_id) => {
            keycloak::prove(app, agents, keeper, shown).await
        }
        (Some(agents), None) => issuer.clients.prove(Some(agents), shown, app.now()).await,
        (Some(_), Some(_)) | (None, _) => issuer.clients.prove(None, shown, app.now()).await,
    }
}
