//! POST …/oauth/token, the walk: form → client → grant → narrow → issue (RFC 6749 section 4.4).
//!
//! Each step demands what the one before made, so none can be left out: `issue` takes only
//! an [`narrow::Authorization`], and nothing but `narrow` can make one.

mod client;
mod client_credentials;
mod error;
mod form;
mod issue;
mod narrow;

use std::sync::Arc;

use access::DecisionRecord;
use token::{Audience, KeySet, LocalKeys, Signer, SigningAlgorithm, TokenType};

use crate::app::App;
use crate::config::{ClientEntry, Config};
use crate::reply::Reply;
use crate::{discovery, keys};

pub use client::hash_secret;
pub(crate) use client::{Cost, check_hash};
pub(crate) use error::Unread;
pub(crate) use form::TokenRequest;

use client::Clients;
use error::GrantError;
use form::{Form, Grant};

/// The embedded issuer: the auth-server itself, for clients of its configuration.
pub(crate) struct Embedded {
    /// Its name, the `iss` and `aud` of its tokens.
    pub(crate) name: String,
    /// The organisation in its paths.
    pub(crate) org: String,
    /// Its metadata, for both well-known paths.
    pub(crate) metadata: String,
    /// Its public keys, as published.
    pub(crate) key_set: String,
    local_keys: Arc<LocalKeys>,
    signer: Signer,
    clients: Clients,
    /// Life of its tokens, in seconds.
    lifetime: u64,
}

impl Embedded {
    /// Builds the issuer; makes its signing key at the first start.
    ///
    /// # Errors
    /// A line for the operator.
    pub(crate) fn build(config: &Config, clients: &[ClientEntry]) -> Result<Embedded, String> {
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
        Ok(Embedded {
            metadata: discovery::metadata(&name, algorithm),
            org: config.org.clone(),
            key_set,
            local_keys: Arc::new(LocalKeys::new(local)),
            signer,
            clients: Clients::build(clients)?,
            lifetime: config.token_lifetime,
            name,
        })
    }

    /// What `token::verify` must know to believe this issuer's tokens. A token bound to
    /// another audience (an exchanged one) does not open the registry.
    pub(crate) fn as_issuer(&self) -> token::Issuer {
        token::Issuer {
            names: vec![self.name.clone()],
            audiences: vec![self.name.clone()],
            audience: Audience::Required,
            token_type: TokenType::Exactly(issue::TYPE),
            keys: Arc::clone(&self.local_keys) as _,
        }
    }
}

/// Answers a token request.
pub(crate) async fn token(app: &App, org: &str, request: &TokenRequest<'_>) -> Reply {
    match grant(app, org, request).await {
        Ok(issued) => {
            app.metrics.issued.inc();
            issued.reply()
        }
        Err(fault) => {
            app.metrics.grants_refused.inc();
            // Who it was is what could not be proven.
            app.audit.record(&DecisionRecord {
                time: app.now(),
                server: "auth-server",
                request_id: &request.request_id.printable(),
                who: None,
                client_id: None,
                action: "token",
                resource: "/oauth/token",
                verdict: "refused",
                rule: Some(fault.to_string()),
                policy_version: app.policy.current().version(),
            });
            fault.reply()
        }
    }
}

async fn grant(app: &App, org: &str, request: &TokenRequest<'_>) -> Result<issue::Issued, GrantError> {
    let issuer = app.issuer(org).ok_or(GrantError::UnknownOrg)?;
    let form = Form::read(request)?;
    let client = match form.grant {
        Grant::ClientCredentials => client_credentials::prove(&issuer.clients, form.credentials).await?,
    };
    let authorization =
        narrow::narrow(&client, form.scope.as_deref(), &app.policy.current(), issuer.lifetime)?;
    issue::issue(&issuer.signer, &issuer.name, authorization, app.now(), app.unique())
}
