//! POST …/oauth/token, the walk: form → client → grant → narrow → issue (RFC 6749 section 4.4, RFC 8693), and
//! the two endpoints beside it: revocation and introspection.
//!
//! Each step demands what the one before made, so none can be left out: `issue` takes only
//! an [`narrow::Authorization`], and nothing but `narrow` can make one.

mod client;
mod client_credentials;
mod embedded;
mod error;
mod form;
mod introspect;
mod issue;
mod keycloak;
mod narrow;
mod revoke;
mod token_exchange;
mod trail;

use crate::app::App;
use crate::asked::Asked;
use crate::reply::Reply;

pub use client::hash_secret;
pub(crate) use client::{Cost, check_hash};
pub(crate) use embedded::Embedded;
pub(crate) use error::GrantError;
pub(crate) use form::TOKEN_EXCHANGE;
pub(crate) use issue::service_account;

use form::{Form, Grant};
use trail::Trail;

/// What is asked of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantCall {
    Token,
    Revoke,
    Introspect,
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
            narrow::exchange(agents, &parties, (&form.targets, &app.public_url), scope, app.now())?
        }
    };
    let issued = issuer.issue(app, &permission)?;
    match permission.audience() {
        Some(_) => app.metrics.exchanged.inc(),
        None => app.metrics.issued.inc(),
    };
    Ok(issued.reply())
}
