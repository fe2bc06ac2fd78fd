//! The seal of an agent's request → the agent as it is now: what the registry makes tokens for MCP servers from.
//!
//! We sealed it ourselves a moment ago (`validate/prove`), for the registry. It is as good as the token that it was
//! made of, and never better: that token's `jti` and capabilities stand in it and are looked up like the token's own.

use std::sync::Arc;

use access::identity::IdentityClaims;
use token::TokenError;

use super::proof::{AgentToken, ProvenAgent};
use super::{Agents, active};
use crate::app::App;

/// Proves a seal: ours, not at its end, of an agent of the directory who is active and whose token was not revoked.
///
/// # Errors
/// Those of `token::verify`; [`TokenError::Claim`] for a caller who is no agent of the directory;
/// [`TokenError::Revoked`].
pub(crate) async fn prove_seal(app: &App, agents: &Agents, seal: &str) -> Result<ProvenAgent, TokenError> {
    let issuer = std::slice::from_ref(&app.sealed);
    let verified = token::verify::<IdentityClaims, _>(seal, issuer, app.now()).await?;
    let claims = verified.claims;
    let nobody = || TokenError::Claim("base");
    let (jti, client_id) = (claims.base.ok_or_else(nobody)?, claims.client_id.ok_or_else(nobody)?);
    let directory = agents.now()?;
    let agent = directory.client(&client_id).ok_or(TokenError::Revoked)?;
    // A client id may be given anew; a subject never is.
    if agent.subject() != claims.sub {
        return Err(TokenError::Revoked);
    }
    let agent = active(&directory, &agent.agent_id, &jti)?;
    let token = AgentToken {
        agent_id: agent.agent_id.clone(),
        scope: claims.capabilities.iter().map(String::as_str).collect(),
        jti,
        server: claims.server,
        expires_at: verified.expires_at,
        generation: app.cache.generation(),
    };
    Ok(ProvenAgent { agent, token: Arc::new(token) })
}
