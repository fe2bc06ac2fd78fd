//! The token exchange grant (RFC 8693): the subject token proves who asks, nothing more. It is the only
//! credential; a client that proves itself as well must be the one that the token was issued to.
//!
//! The registry, which never sees a caller's token, shows the seal of his request instead, and for that it must say
//! for which MCP server behind the gateway the request was (`narrow`).

use token::TokenError;

use super::client::Party;
use super::error::GrantError;
use super::form::{Claimed, Exchange, SubjectKind};
use super::{Embedded, client_credentials};
use crate::agents::{Agents, ProvenAgent, prove as prove_token, prove_seal};
use crate::app::App;

/// Subject and actor of an exchange, both proven.
pub(super) struct Parties {
    pub(super) subject: ProvenAgent,
    /// Whether that was proven by the seal of a request.
    pub(super) by_seal: bool,
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
    let shown = exchange.subject_token.expose();
    let (subject, by_seal) = match (prove_token(app, issuer, agents, shown).await, exchange.subject_kind) {
        // Whose `iss` says that it is a seal; whether it is one, our key says.
        (Err(TokenError::UnknownIssuer), SubjectKind::Jwt) => (prove_seal(app, agents, shown).await, true),
        (proven, SubjectKind::Jwt | SubjectKind::AccessToken) => (proven, false),
    };
    let subject = subject.map_err(of("subject_token"))?;
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
    Ok(Parties { subject, by_seal, actor })
}
