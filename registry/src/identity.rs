//! Request → principal: the only place that says who is calling.
//!
//! The registry believes the auth-server's seal and nothing else; every other header
//! can be written by anybody who reaches the port (design page "auth-and-nginx", section 3).

use std::sync::Arc;
use std::time::Duration;

use access::Principal;
use access::identity::{self, IdentityClaims};
use moka::sync::Cache;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use token::{Audience, Issuer, KeySource, KeyState, TokenError, TokenType};

use crate::App;
use crate::error::ApiError;

/// How many sealed identities are remembered as verified.
const REMEMBERED: u64 = 10_000;
/// How long, at most; a seal's own end comes first.
const REMEMBERED_FOR: Duration = Duration::from_secs(120);

/// Checks sealed identities.
pub struct Seal {
    issuer: [Issuer; 1],
    verified: Cache<Box<str>, Arc<Sealed>, ahash::RandomState>,
    trust_plain_headers: bool,
}

struct Sealed {
    principal: Arc<Principal>,
    /// Seconds since the epoch.
    expires_at: u64,
}

impl Seal {
    /// A seal checked with these keys. `trust_plain_headers` believes `X-User` and
    /// `X-Scopes` where no seal comes along: only for gateways that cannot pass it.
    pub fn new(keys: Arc<dyn KeySource>, trust_plain_headers: bool) -> Seal {
        let issuer = Issuer {
            names: vec![identity::ISSUER.to_owned()],
            audiences: vec![identity::AUDIENCE.to_owned()],
            audience: Audience::Required,
            token_type: TokenType::Exactly(identity::TYPE),
            keys,
        };
        let verified = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(REMEMBERED_FOR)
            .build_with_hasher(ahash::RandomState::new());
        Seal { issuer: [issuer], verified, trust_plain_headers }
    }

    /// How the keys are doing, for `/health`.
    pub(crate) fn keys(&self) -> KeyState {
        self.issuer[0].keys.state()
    }

    async fn open(&self, sealed: &str, now: u64) -> Result<Arc<Principal>, TokenError> {
        if let Some(known) = self.verified.get(sealed)
            && !token::expired(known.expires_at, now)
        {
            return Ok(known.principal.clone());
        }
        let verified = token::verify::<IdentityClaims, _>(sealed, &self.issuer, now).await?;
        let principal = Arc::new(verified.claims.into_principal());
        let entry = Sealed { principal: principal.clone(), expires_at: verified.expires_at };
        self.verified.insert(sealed.into(), Arc::new(entry));
        Ok(principal)
    }

    async fn read(&self, request: &Request, now: u64) -> Result<Arc<Principal>, ApiError> {
        let mut sealed = request.headers().get_all(identity::SEALED).iter();
        match (sealed.next(), sealed.next()) {
            (None, _) if self.trust_plain_headers => {
                identity::from_plain_headers(|name| request.header(name))
                    .map(Arc::new)
                    .ok_or(ApiError::Unauthenticated)
            }
            (Some(one), None) => {
                let one = one.to_str().map_err(|_| ApiError::Unauthenticated)?;
                self.open(one, now).await.map_err(refusal)
            }
            // None, or two of which one must be forged.
            (None, _) | (Some(_), Some(_)) => Err(ApiError::Unauthenticated),
        }
    }
}

fn refusal(error: TokenError) -> ApiError {
    match error {
        TokenError::Unavailable | TokenError::Key(_) => ApiError::NoKeys,
        theirs => {
            tracing::warn!(error = %theirs, "a sealed identity was refused");
            ApiError::Unauthenticated
        }
    }
}

/// The caller of an operation.
pub(crate) struct Caller(pub(crate) Arc<Principal>);

/// The scheme's name in the OpenAPI document.
const SCHEME: &str = "bearerAuth";

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "An access token; the gateway checks it and tells the registry who is calling.",
                ),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: Some("JWT"),
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Caller> {
        let app = request.data::<Arc<App>>().ok_or_else(|| ApiError::ours("the app is not there"))?;
        let principal = app.seal.read(request, (app.clock)()).await?;
        Ok(Caller(principal))
    }
}
