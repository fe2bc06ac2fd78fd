//! POST …/oauth/token, the walk: form → client → grant → narrow → issue (RFC 6749 section 4.4, RFC 8693), and
//! the two endpoints beside it: revocation and introspection.
//!
//! Each step demands what the one before made, so none can be left out: `issue` takes only
//! an [`narrow::Authorization`], and nothing but `narrow` can make one.

mod client;
mod client_credentials;
mod error;
mod form;
mod introspect;
mod issue;
mod keycloak;
mod narrow;
mod revoke;
mod token_exchange;

use std::sync::Arc;

use access::DecisionRecord;
use store::directory::{AgentIdentity, Directory};
use token::{Audience, KeySet, LocalKeys, Signer, SigningAlgorithm, TokenType};

use crate::agents::Agents;
use crate::app::App;
use crate::asked::Asked;
use crate::config::{Config, SecretKeeper};
use crate::reply::Reply;
use crate::{discovery, keys};

pub use client::hash_secret;
pub(crate) use client::{Clients, Cost, check_hash};
pub(crate) use error::GrantError;
pub(crate) use form::TOKEN_EXCHANGE;
pub(crate) use issue::service_account;

use form::{Form, Grant};
use narrow::Authorization;

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
    signer: Signer,
    /// Life of its tokens, in seconds.
    lifetime: u64,
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
        Ok(Embedded {
            metadata: discovery::metadata(&name, algorithm, agents.is_some()),
            org: config.org.clone(),
            key_set,
            // A token bound to another audience (an exchanged one) does not open the registry.
            believed: token::Issuer {
                names: vec![name.clone()],
                audiences: vec![name.clone()],
                audience: Audience::Required,
                token_type: TokenType::Exactly(issue::TYPE),
                keys: Arc::new(LocalKeys::new(local)),
            },
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
    fn is_for_us(&self, public_url: &str, name: &str) -> bool {
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
        let behind =
            name.strip_prefix(public_url).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        behind && !known
    }

    /// What `token::verify` must know to believe this issuer's tokens.
    pub(crate) fn as_issuer(&self) -> &token::Issuer {
        &self.believed
    }
}

/// What is asked of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantCall {
    Token,
    Revoke,
    Introspect,
}

/// What the audit trail is told of a request, as far as it is known by then.
struct Trail {
    action: &'static str,
    who: Option<String>,
    client_id: Option<String>,
    resource: String,
    /// Whether it is told when it succeeds, too.
    always: bool,
}

/// Answers a request for a token, or about one.
pub(crate) async fn answer(app: &App, org: &str, call: GrantCall, asked: &Asked<'_>) -> Reply {
    let mut trail = Trail::of(call);
    let served = match app.issuer(org) {
        None => Err(GrantError::UnknownOrg),
        Some(issuer) => match (call, &issuer.agents) {
            (GrantCall::Token, _) => token(app, issuer, asked, &mut trail).await,
            (GrantCall::Revoke, Some(agents)) => revoke::revoke(app, issuer, agents, asked, &mut trail).await,
            (GrantCall::Introspect, Some(agents)) => introspect::introspect(app, issuer, agents, asked).await,
            (GrantCall::Revoke | GrantCall::Introspect, None) => Err(GrantError::UnknownOrg),
        },
    };
    match served {
        Ok(reply) => {
            if trail.always {
                trail.record(app, asked, "allowed", None);
            }
            reply
        }
        Err(fault) => {
            app.metrics.grants_refused.inc();
            trail.record(app, asked, "refused", Some(fault.to_string()));
            fault.reply(asked.request_id)
        }
    }
}

async fn token(
    app: &App,
    issuer: &Embedded,
    asked: &Asked<'_>,
    trail: &mut Trail,
) -> Result<Reply, GrantError> {
    let form = Form::read(asked)?;
    let scope = form.scope.as_deref();
    let permission = match form.grant {
        Grant::ClientCredentials(shown) => {
            let party = client_credentials::prove(app, issuer, shown).await?;
            // RFC 8707 section 2: a token is never for more than was asked for. Only whoever has proven himself
            // learns which names there are.
            if !form.targets.iter().all(|name| issuer.is_for_us(&app.public_url, name)) {
                return Err(GrantError::InvalidTarget(
                    "sign in first, then exchange the token for one for this server",
                ));
            }
            narrow::sign_in(party, scope, &app.policy.current(), issuer.lifetime)?
        }
        Grant::TokenExchange(exchange) => {
            let agents = issuer.agents.as_ref().ok_or(GrantError::UnsupportedGrantType)?;
            if app.audit.is_kept() {
                trail.is_exchange(&agents.known(), &form.targets);
            }
            let parties = token_exchange::prove(app, issuer, agents, &exchange).await?;
            if app.audit.is_kept() {
                trail.is_of(&parties.subject.agent);
            }
            narrow::exchange(agents, &parties, &form.targets, scope, app.now())?
        }
    };
    let issued = issuer.issue(app, &permission)?;
    match permission.audience() {
        Some(_) => app.metrics.exchanged.inc(),
        None => app.metrics.issued.inc(),
    };
    Ok(issued.reply())
}

impl Embedded {
    fn issue(&self, app: &App, permission: &Authorization) -> Result<issue::Issued, GrantError> {
        issue::issue(&self.signer, (&self.name, &self.org), permission, app.now(), app.unique())
    }
}

impl Trail {
    fn of(call: GrantCall) -> Trail {
        let (action, resource) = match call {
            GrantCall::Token => ("token", "/oauth/token"),
            GrantCall::Revoke => ("revoke", "/oauth/revoke"),
            GrantCall::Introspect => ("introspect", "/oauth/introspect"),
        };
        Trail { action, who: None, client_id: None, resource: resource.to_owned(), always: false }
    }

    /// Each exchange is told, with the servers it is for. What names none is not repeated: it may be a token or
    /// a secret, sent by mistake.
    fn is_exchange(&mut self, directory: &Directory, names: &[String]) {
        let named: Vec<&str> = names
            .iter()
            .map(|name| if directory.target(name).is_some() { name } else { "unknown" })
            .collect();
        (self.action, self.resource, self.always) = ("exchange", named.join(" "), true);
    }

    /// Who it is, proven.
    fn is_of(&mut self, agent: &AgentIdentity) {
        (self.who, self.client_id) = (Some(agent.subject()), Some(agent.client_id.clone()));
    }

    fn record(&self, app: &App, asked: &Asked<'_>, verdict: &str, rule: Option<String>) {
        app.audit.record(&DecisionRecord {
            time: app.now(),
            server: "auth-server",
            request_id: &asked.request_id.printable(),
            who: self.who.as_deref(),
            client_id: self.client_id.as_deref(),
            action: self.action,
            resource: &self.resource,
            verdict,
            rule,
            policy_version: app.policy.current().version(),
        });
    }
}
