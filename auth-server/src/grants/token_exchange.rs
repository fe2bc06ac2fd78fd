//! The token exchange grant (RFC 8693): the subject token proves who asks, nothing more. It is the only
//! credential; a client that proves itself as well must be the one that the token was issued to.

use token::TokenError;

use super::client::Party;
use super::error::GrantError;
use super::form::{Claimed, Exchange};
use super::{Embedded, client_credentials};
use crate::agents::{Agents, ProvenAgent, prove as prove_token};
use crate::app::App;

/// Subject and actor of an exchange, both proven.
pub(super) struct Parties {
    pub(super) subject: ProvenAgent,
    pub(super) actor: Option<ProvenAgent>,
}

/// Proves the parties. A token that is bound to an MCP server already is not for us, and so is refused: what
/// a server was given to check must not open other servers.
///
/// # Errors
/// [`GrantError::InvalidGrant`], [`GrantError::InvalidClient`], [`GrantError::Busy`].
pub(super) async fn prove(
    app: &App,
    issuer: &Embedded,
    agents: &Agents,
    exchange: &Exchange,
) -> Result<Parties, GrantError> {
    // First: this may have to wait, and what the tokens prove must be of now.
    let client = match &exchange.client {
        None => None,
        Some(Claimed::Name(name)) => Some((name.clone(), false)),
        Some(Claimed::Credentials(shown)) => {
            let basic = shown.basic;
            match client_credentials::prove(app, issuer, shown.clone()).await? {
                Party::Agent(agent) => Some((agent.client_id.clone(), basic)),
                Party::Client(_) => return Err(GrantError::InvalidClient { basic }),
            }
        }
    };
    let of = |which: &'static str| move |why: TokenError| GrantError::InvalidGrant { which, why };
    let subject = prove_token(app, issuer, agents, exchange.subject_token.expose())
        .await
        .map_err(of("subject_token"))?;
    if let Some((client_id, basic)) = client
        && client_id != subject.agent.client_id
    {
        return Err(GrantError::InvalidClient { basic });
    }
    let actor = match &exchange.actor_token {
        None => None,
        Some(token) => {
            Some(prove_token(app, issuer, agents, token.expose()).await.map_err(of("actor_token"))?)
        }
    };
    Ok(Parties { subject, actor })
}
