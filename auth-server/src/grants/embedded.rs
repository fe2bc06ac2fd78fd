//! The embedded issuer: its names, its keys, and who it makes tokens for.

use std::sync::Arc;

use token::{Audience, KeySet, LocalKeys, Signer, SigningAlgorithm, TokenType};

use super::client::Clients;
use super::error::GrantError;
use super::issue::{self, Issued};
use super::keycloak;
use super::narrow::Authorization;
use crate::agents::Agents;
use crate::app::App;
use crate::config::{Config, SecretKeeper};
use crate::{discovery, keys};

/// The embedded issuer: the auth-server itself, for clients of its configuration and agents of its directory.
pub(crate) struct Embedded {
    /// Its name, the `iss` and `aud` of its tokens.
    pub(crate) name: String,
    /// The organisation in its paths.
    pub(crate) org: String,
    /// Its metadata, for both well-known paths.
    pub(crate) metadata: String,
    /// Its public keys, as published.
    pub(crate) key_set: String,
    /// Clients of the configuration, and the one place where secrets are hashed.
    pub(crate) clients: Clients,
    /// The directory of agents, if there is one.
    pub(crate) agents: Option<Agents>,
    /// Who keeps the agents' secrets, if not we.
    pub(crate) keycloak: Option<keycloak::Keeper>,
    believed: token::Issuer,
    /// The same, for tokens that were made for others.
    for_others: token::Issuer,
    signer: Signer,
    /// Life of its tokens, in seconds.
    pub(super) lifetime: u64,
}

impl Embedded {
    /// Builds the issuer; makes its signing key at the first start.
    ///
    /// # Errors
    /// A line for the operator.
    pub(crate) fn build(config: &Config, agents: Option<Agents>) -> Result<Embedded, String> {
        let algorithm = config.signing_algorithm;
        let signer = keys::load_or_make(&config.state, "issuer", algorithm)?;
        // A key of the other algorithm stays published: its last tokens are still about.
        let other = match algorithm {
            SigningAlgorithm::Rs256 => SigningAlgorithm::Es256,
            SigningAlgorithm::Es256 | SigningAlgorithm::EdDsa => SigningAlgorithm::Rs256,
        };
        let other = keys::load(&config.state, "issuer", other)?;
        let key_set = token::key_set(std::iter::once(&signer).chain(&other));
        let local = KeySet::parse(key_set.as_bytes()).map_err(|fault| fault.to_string())?;
        let name = config.embedded_issuer();
        let keeper = config.agents.as_ref().map(|agents| &agents.secrets);
        let keycloak = match keeper {
            Some(SecretKeeper::Keycloak { token_url, table }) => {
                Some(keycloak::Keeper::build(token_url, table)?)
            }
            Some(SecretKeeper::Local) | None => None,
        };
        // A token bound to another audience (an exchanged one) does not open the registry.
        let believed = token::Issuer {
            names: vec![name.clone()],
            audiences: vec![name.clone()],
            audience: Audience::Required,
            token_type: TokenType::Exactly(issue::TYPE),
            keys: Arc::new(LocalKeys::new(local)),
        };
        Ok(Embedded {
            metadata: discovery::metadata(&name, algorithm, agents.is_some()),
            org: config.org.clone(),
            key_set,
            for_others: token::Issuer { audience: Audience::Optional, ..believed.clone() },
            believed,
            signer,
            clients: Clients::build(config.clients.as_deref().unwrap_or_default())?,
            agents,
            keycloak,
            lifetime: config.token_lifetime,
            name,
        })
    }

    /// Whether a name is the issuer's own, in either of its spellings.
    pub(crate) fn is_own_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('/');
        let older = format!("/orgs/{}/api/v1", self.org);
        let older = self.name.strip_suffix(&older).map(|base| format!("{base}/t/{}/api/v1", self.org));
        name == self.name || Some(name) == older.as_deref()
    }

    /// Whether a base token is what is asked for: one for us, or for what lives behind this gateway and is known
    /// to the policy alone. What the directory knows has tokens of its own.
    pub(super) fn is_for_us(&self, public_url: &str, name: &str) -> bool {
        if self.is_own_name(name) {
            return true;
        }
        // Also by a name that only begins alike: whose it is, nobody need guess.
        let name = name.trim_end_matches('/');
        let below = |long: &str, short: &str| {
            long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let alike = |other: &str| {
            let other = other.trim_end_matches('/');
            below(name, other) || below(other, name) && name != public_url
        };
        let known = self
            .agents
            .as_ref()
            .is_some_and(|agents| agents.known().targets().any(|target| target.names().any(alike)));
        below(name, public_url) && !known
    }

    /// What `token::verify` must know to believe this issuer's tokens.
    pub(crate) fn as_issuer(&self) -> &token::Issuer {
        &self.believed
    }

    /// The same for a token that may be for anybody: whoever asks looks at its `aud` himself.
    pub(crate) fn as_issuer_for_others(&self) -> &token::Issuer {
        &self.for_others
    }

    /// Signs a token.
    ///
    /// # Errors
    /// [`GrantError::Internal`].
    pub(super) fn issue(&self, app: &App, permission: &Authorization) -> Result<Issued, GrantError> {
        issue::issue(&self.signer, (&self.name, &self.org), permission, app.now(), app.unique())
    }
}
