//! Signs access tokens (RFC 9068), for an [`Authorization`] and for nothing else.

use serde_json::{Value, json};
use token::Signer;

use super::error::GrantError;
use super::narrow::Authorization;
use crate::reply::Reply;

/// The `typ` of our access tokens (RFC 9068 section 2.1).
pub(super) const TYPE: &str = "at+jwt";

/// An access token and what the client is told of it.
#[derive(Debug)]
pub(super) struct Issued(Value);

impl Issued {
    /// The answer of RFC 6749 section 5.1, kept out of every cache.
    pub(super) fn reply(&self) -> Reply {
        Reply::json(200, &self.0).no_store().header("pragma", "no-cache")
    }
}

/// Issues a token. `now` is in seconds since the epoch, `jti` unique.
///
/// # Errors
/// [`GrantError::Internal`] when the key does not sign.
pub(super) fn issue(
    signer: &Signer,
    issuer: &str,
    permission: Authorization,
    now: u64,
    jti: String,
) -> Result<Issued, GrantError> {
    let client_id = permission.client_id();
    let scope = permission.scope().to_string();
    let mut claims = json!({
        "iss": issuer,
        "aud": issuer,
        "sub": client_id,
        "preferred_username": format!("service-account-{client_id}"),
        "azp": client_id,
        "client_id": client_id,
        "scope": scope,
        "iat": now,
        "nbf": now,
        "exp": now.saturating_add(permission.lifetime()),
        "jti": jti,
    });
    if let Some(groups) = permission.groups() {
        claims["groups"] = json!(groups);
    }
    let token = signer.sign(TYPE, &claims).map_err(|fault| GrantError::Internal(fault.to_string()))?;
    Ok(Issued(json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": permission.lifetime(),
        "scope": scope,
    })))
}
