//! A token not seen before → a proof that can be kept.

use std::sync::Arc;

use access::identity::{self, IdentityClaims};
use access::{Policy, Principal};
use serde_json::{Value, json};
use token::{Claims, TokenError};

use crate::agents::{Live, agents_principal};
use crate::app::App;
use crate::reply::{FieldValue, Prepared};

use super::bound::{self, Bound};
use super::cache::{Proof, Sealed};

/// How long a sealed identity is handed out before it is sealed anew, in seconds.
const STEP: u64 = 30;
/// How long the last request that carries a sealed identity can still use it, in seconds.
const LIFE: u64 = 60;

/// For a name that no header can carry; percent-encoding leaves none, so nobody sees it.
const UNFIT: TokenError = TokenError::Claim("name");

/// Verifies a token and prepares the answers it opens.
pub(super) async fn prove(
    app: &App,
    token: &str,
    now: u64,
    generation: u64,
) -> Result<Arc<Proof>, TokenError> {
    let verified = match token::verify::<Claims, _>(token, &app.issuers, now).await {
        // Not for us; perhaps for an MCP server behind the gateway.
        Err(TokenError::Audience) => {
            return Proof::new(app, bound::prove(app, token, now).await?, now, generation).map(Arc::new);
        }
        verified => verified?,
    };
    let policy = app.policy.current();
    let (said, subject) = verified.issuer.principal(&verified.claims, &policy)?;
    let live = verified.issuer.is_own().then(|| Live::of(&verified.claims));
    // One that was made from another is bound to an MCP server, whatever its name looks like.
    if live.as_ref().is_some_and(Live::is_derived) {
        return Err(TokenError::Audience);
    }
    let agent = live.as_ref().map(|live| live.look_up(app.agents())).transpose()?.flatten();
    let who = match agent {
        // What the directory says now counts, not what it said when the token was made.
        Some(live) => agents_principal(&live.agent, &verified.claims, said, &policy),
        None => said,
    };
    let method = verified.issuer.method.clone();
    let expires_at = verified.expires_at;
    let facts = Facts { who, live, bound: None, policy, subject, method, expires_at };
    Proof::new(app, facts, now, generation).map(Arc::new)
}

/// What a token proved.
pub(super) struct Facts {
    pub(super) who: Principal,
    /// What a token of our own is looked up by, each time.
    pub(super) live: Option<Live>,
    /// The one MCP server that it opens, where it is bound to one.
    pub(super) bound: Option<Bound>,
    /// The policy that mapped the groups: one proof is made by one policy.
    pub(super) policy: Arc<Policy>,
    pub(super) subject: String,
    pub(super) method: String,
    /// The token's `exp`.
    pub(super) expires_at: u64,
}

impl Facts {
    /// The answer for the registry, but for the sealed identity.
    pub(super) fn prepare(&self) -> Result<Prepared, TokenError> {
        let mut headers = identity::plain_headers(&self.who);
        headers.push((identity::AUTH_METHOD, self.method.clone()));
        Prepared::new(headers, identity::SEALED, &self.body(None)).ok_or(UNFIT)
    }

    /// The answer for an MCP server, made from that for the registry.
    pub(super) fn prepare_for(&self, base: &Prepared, server: &str) -> Result<Prepared, TokenError> {
        let body = self.body(Some(server));
        base.with(identity::SERVER_NAME, identity::encode(server), &body).ok_or(UNFIT)
    }

    fn body(&self, server: Option<&str>) -> Value {
        json!({
            "valid": true,
            "username": self.who.username,
            "client_id": self.who.client_id,
            "groups": self.who.groups,
            "scopes": self.who.scopes.iter().collect::<Vec<_>>(),
            "method": self.method,
            "server_name": server,
            // Which tool is called stands in the request's body, which is not read here.
            "tool_name": Value::Null,
            "expires_at": self.expires_at,
            "policy_version": self.policy.version(),
        })
    }

    /// Seals the identity (design page "auth-and-nginx", section 3): it never outlives the
    /// access token.
    pub(super) fn seal(&self, app: &App, now: u64) -> Result<Sealed, TokenError> {
        let exp = now.saturating_add(LIFE + STEP).min(self.expires_at);
        let mut claims =
            IdentityClaims::new(&self.who, &self.subject, self.policy.version(), now, exp, app.unique());
        claims.server = self.bound.as_ref().map(|bound| bound.server.to_string());
        // What the registry can have tokens for MCP servers made from.
        if let Some(live) = self.live.as_ref().filter(|live| live.agent_id.is_some()) {
            claims.base = Some(live.jti.clone());
            claims.capabilities = live.capabilities.clone();
        }
        let seal = app.identity.sign(identity::TYPE, &claims)?;
        let unfit = || TokenError::Key("a seal that no header can carry".to_owned());
        let value = FieldValue::new(seal).ok_or_else(unfit)?;
        Ok(Sealed { value, renew_at: now.saturating_add(STEP) })
    }
}
