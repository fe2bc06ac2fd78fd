//! The one verify.
//!
//! jsonwebtoken checks the signature; every other check stands here, each on its own line
//! and each required unless the configuration says otherwise. Its `Validation` is not used:
//! it reads the system's clock, allows 60 s of leeway, skips `nbf`, and lets a missing
//! `iss` or `aud` pass.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::strict;
use crate::{Claims, KeySource, TokenError};

/// How far our clock and an issuer's may differ, in seconds.
pub const LEEWAY: u64 = 10;

/// The longest token that is proven, in bytes. Access tokens are cut shorter where they are
/// read (`bearer`); our own seal of such a token says its groups again and its scopes too.
const MAX_PROVEN_BYTES: usize = 128 * 1024;

/// Somebody whose tokens are believed, and for what.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The spellings of `iss` that are this issuer's, compared byte by byte.
    pub names: Vec<String>,
    /// The spellings of `aud` that mean us.
    pub audiences: Vec<String>,
    /// Whether a token must name one of them.
    pub audience: Audience,
    /// Which `typ` of header is taken.
    pub token_type: TokenType,
    /// Where its keys are.
    pub keys: Arc<dyn KeySource>,
}

/// Whether `aud` must name us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// It must be there and name us.
    #[default]
    Required,
    /// It may name anybody or be missing: the guide's own token has none. Any token of that
    /// issuer, made for whatever service, then opens this one.
    Optional,
}

/// The `typ` of a token's header, compared without case (RFC 9068 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token of any provider: no `typ`, `JWT` or `at+jwt`.
    Access,
    /// Exactly this one.
    Exactly(&'static str),
}

/// A token that was proven genuine, for us, and of now.
#[derive(Debug)]
pub struct Verified<'i, I, C> {
    /// What it says.
    pub claims: C,
    /// Which of the issuers said it.
    pub issuer: &'i I,
    /// Its `exp`, in seconds since the epoch.
    pub expires_at: u64,
}

/// Whether a token with this `exp` is past its end, both in seconds since the epoch.
pub fn expired(exp: u64, now: u64) -> bool {
    now >= exp.saturating_add(LEEWAY)
}

/// Proves a token: shape, algorithm, issuer, key, signature, kind, times, audience, claims,
/// in that order. `now` is in seconds since the epoch.
///
/// The unverified `iss` selects whose keys are asked and nothing else; the header members
/// `jku`, `jwk`, `x5u` and `x5c` are never looked at: an attacker's key would come from there.
///
/// # Errors
/// The first [`TokenError`] met; [`TokenError::Unavailable`] alone is a fault of ours.
pub async fn verify<'i, C, I>(
    token: &str,
    issuers: &'i [I],
    now: u64,
) -> Result<Verified<'i, I, C>, TokenError>
where
    C: DeserializeOwned,
    I: AsRef<Issuer>,
{
    let parts = Parts::split(token)?;
    let header = Header::read(parts.header)?;
    let claims = object(parts.payload)?;
    let iss = claims.get("iss").and_then(Value::as_str).ok_or(TokenError::Claim("iss"))?;
    let trusted = issuers
        .iter()
        .find(|issuer| issuer.as_ref().names.iter().any(|name| name == iss))
        .ok_or(TokenError::UnknownIssuer)?;
    let issuer = trusted.as_ref();
    let key = issuer.keys.key(header.kid.as_deref(), header.algorithm).await?;
    key.check(parts.message, parts.signature, header.algorithm)?;
    issuer.token_type.check(header.typ.as_deref())?;
    let expires_at = check_times(&claims, now)?;
    check_audience(&claims, issuer)?;
    let claims =
        serde_json::from_value(Value::Object(claims)).map_err(|_| TokenError::Malformed("its claims"))?;
    Ok(Verified { claims, issuer: trusted, expires_at })
}

impl AsRef<Issuer> for Issuer {
    fn as_ref(&self) -> &Issuer {
        self
    }
}

/// The three parts of a compact JWS (RFC 7515 section 3.1), and what is signed.
struct Parts<'t> {
    header: &'t str,
    payload: &'t str,
    message: &'t str,
    signature: &'t str,
}

impl Parts<'_> {
    fn split(token: &str) -> Result<Parts<'_>, TokenError> {
        if token.len() > MAX_PROVEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let not_three = TokenError::Malformed("it has not three parts");
        let Some((message, signature)) = token.rsplit_once('.') else { return Err(not_three) };
        let Some((header, payload)) = message.split_once('.') else { return Err(not_three) };
        if payload.contains('.') || header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(not_three);
        }
        Ok(Parts { header, payload, message, signature })
    }
}

struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    fn read(part: &str) -> Result<Header, TokenError> {
        let mut header = object(part)?;
        if header.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        let mut text = |name: &str| match header.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenError::Malformed("its header")),
        };
        let algorithm = text("alg")?.as_deref().and_then(asymmetric).ok_or(TokenError::Algorithm)?;
        Ok(Header { algorithm, kid: text("kid")?, typ: text("typ")? })
    }
}

/// The algorithms that are taken at all. With HS* the public key would be the secret.
pub(crate) fn asymmetric(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    })
}

impl TokenType {
    fn check(self, typ: Option<&str>) -> Result<(), TokenError> {
        // RFC 7515 section 4.1.9: `application/` may be left out.
        let typ = typ.map(|typ| match typ.get(..12) {
            Some(prefix) if prefix.eq_ignore_ascii_case("application/") => &typ[12..],
            _ => typ,
        });
        let is = |wanted: &str| typ.is_some_and(|typ| typ.eq_ignore_ascii_case(wanted));
        let good = match self {
            TokenType::Access => typ.is_none() || is("JWT") || is("at+jwt"),
            TokenType::Exactly(wanted) => is(wanted),
        };
        if good { Ok(()) } else { Err(TokenError::Kind) }
    }
}

/// Checks `exp`, `nbf` and `iat` (RFC 7519 section 4.1) and hands back `exp`.
fn check_times(claims: &Claims, now: u64) -> Result<u64, TokenError> {
    let exp = date(claims, "exp")?.ok_or(TokenError::Claim("exp"))?;
    if expired(exp, now) {
        return Err(TokenError::Expired);
    }
    for name in ["nbf", "iat"] {
        if date(claims, name)?.is_some_and(|time| time > now.saturating_add(LEEWAY)) {
            return Err(TokenError::NotYetValid);
        }
    }
    Ok(exp)
}

/// A NumericDate (RFC 7519 section 2): a number, perhaps with a fraction; whole seconds are kept.
fn date(claims: &Claims, name: &'static str) -> Result<Option<u64>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let fraction = || value.as_f64().filter(|time| (0.0..1e15).contains(time)).map(|time| time as u64);
    value.as_u64().or_else(fraction).map(Some).ok_or(TokenError::Claim(name))
}

fn check_audience(claims: &Claims, issuer: &Issuer) -> Result<(), TokenError> {
    if issuer.audience == Audience::Optional {
        return Ok(());
    }
    let ours = |aud: &Value| aud.as_str().is_some_and(|aud| issuer.audiences.iter().any(|name| name == aud));
    let named = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    };
    if named { Ok(()) } else { Err(TokenError::Audience) }
}

fn object(part: &str) -> Result<Claims, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed("it is not base64url"))?;
    strict::object(&bytes).ok_or(TokenError::Malformed("it is not a JSON object with each name once"))
}
