//! Request → principal: the only place that says who is calling.
//!
//! The registry believes the auth-server's seal and nothing else; every other header
//! can be written by anybody who reaches the port (design page "auth-and-nginx", section 3).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::identity::{self, IdentityClaims};
use access::{Action, Policy, Principal, Verdict, View};
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

/// How long plain headers say who is calling, in seconds: nobody tells, so it is about as long as a seal.
const PLAIN_LIFE: u64 = 60;

/// Checks sealed identities.
pub struct Seal {
    issuer: [Issuer; 1],
    verified: Cache<Box<str>, Arc<Sealed>, ahash::RandomState>,
    trust_plain_headers: bool,
    /// How often a seal came with another policy than ours.
    remapped: AtomicU64,
}

/// Who is calling, and until when that is known; in seconds since the epoch.
struct Known {
    who: Arc<Principal>,
    bound: Option<Arc<str>>,
    agent: bool,
    expires_at: u64,
}

struct Sealed {
    principal: Arc<Principal>,
    /// The policy whose scopes the principal has.
    policy: String,
    /// The one MCP server that the caller's token is for.
    bound: Option<Arc<str>>,
    /// Whether he is an agent of the directory.
    agent: bool,
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
        Seal { issuer: [issuer], verified, trust_plain_headers, remapped: AtomicU64::new(0) }
    }

    /// How the keys are doing, for `/health`.
    pub(crate) fn keys(&self) -> KeyState {
        self.issuer[0].keys.state()
    }

    /// How many requests were decided with groups mapped here, because the auth-server runs on
    /// another content of scopes.yml: a number that keeps growing says that the two files differ.
    pub(crate) fn remapped(&self) -> u64 {
        self.remapped.load(Ordering::Relaxed)
    }

    async fn open(&self, sealed: &str, policy: &Policy, now: u64) -> Result<Known, TokenError> {
        let known = match self.verified.get(sealed) {
            Some(known) if !token::expired(known.expires_at, now) => known,
            Some(_) | None => {
                let verified = token::verify::<IdentityClaims, _>(sealed, &self.issuer, now).await?;
                let entry = Arc::new(Sealed {
                    policy: verified.claims.policy.clone(),
                    bound: verified.claims.server.as_deref().map(Arc::from),
                    agent: verified.claims.base.is_some(),
                    principal: Arc::new(verified.claims.into_principal()),
                    expires_at: verified.expires_at,
                });
                self.verified.insert(sealed.into(), entry.clone());
                entry
            }
        };
        let (bound, agent, expires_at) = (known.bound.clone(), known.agent, known.expires_at);
        Ok(Known { who: self.under(policy, &known), bound, agent, expires_at })
    }

    /// The caller as this policy sees him. The two servers read one file, but for a moment one has
    /// the new content and the other the old: then the groups are mapped again here, so that a
    /// decision is never made half by each. Without groups the scopes are the token's own words; a narrowed
    /// token's groups give no more than its words.
    fn under(&self, policy: &Policy, known: &Sealed) -> Arc<Principal> {
        if known.policy == policy.version() || known.principal.groups.is_empty() {
            return known.principal.clone();
        }
        self.remapped.fetch_add(1, Ordering::Relaxed);
        Arc::new(known.principal.under(policy))
    }

    async fn read(&self, request: &Request, policy: &Policy, now: u64) -> Result<Known, ApiError> {
        let mut sealed = request.headers().get_all(identity::SEALED).iter();
        match (sealed.next(), sealed.next()) {
            (None, _) if self.trust_plain_headers => {
                let who = identity::from_plain_headers(|name| request.header(name));
                let who = Arc::new(who.ok_or(ApiError::Unauthenticated)?);
                // These headers cannot say that a token is bound to one MCP server. It opens no more for that: the
                // auth-server says yes to it at that server's addresses alone, the gateway forwards to the path that
                // it was asked about, and the scopes are the token's own few words.
                Ok(Known { who, bound: None, agent: false, expires_at: now.saturating_add(PLAIN_LIFE) })
            }
            (Some(one), None) => {
                let one = one.to_str().map_err(|_| ApiError::Unauthenticated)?;
                self.open(one, policy, now).await.map_err(refusal)
            }
            // None, or two of which one must be forged.
            (None, _) | (Some(_), Some(_)) => Err(ApiError::Unauthenticated),
        }
    }
}

fn refusal(error: TokenError) -> ApiError {
    match error {
        TokenError::Unavailable | TokenError::RevocationUnknown | TokenError::Key(_) => ApiError::NoKeys,
        theirs => {
            tracing::warn!(error = %theirs, "a sealed identity was refused");
            ApiError::Unauthenticated
        }
    }
}

/// The last decision that went into the audit trail: one that is made again on a newer picture and comes out
/// the same is not another one.
#[derive(Clone, Default)]
pub(crate) struct Recorded(Arc<Mutex<Option<(Action, Verdict)>>>);

impl Recorded {
    /// Whether this decision is another one.
    pub(crate) fn is_news(&self, action: Action, verdict: Verdict) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace((action, verdict)) != Some((action, verdict))
    }
}

/// The caller of an operation, and what the whole request is decided with: one policy from
/// its beginning to its end, also when the file changes in between.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) who: Arc<Principal>,
    pub(crate) policy: Arc<Policy>,
    /// Whether he is an agent of the directory, who can have tokens for MCP servers.
    pub(crate) agent: bool,
    /// Until when it is known who he is, in seconds since the epoch.
    pub(crate) expires_at: u64,
    /// The gateway's id of the request.
    pub(crate) request_id: String,
    /// What the audit trail holds of the request already.
    pub(crate) recorded: Recorded,
}

impl Caller {
    /// What the caller may do, for one action.
    pub(crate) fn view(&self, action: Action) -> View<'_> {
        self.policy.view(&self.who, action)
    }

    /// Takes up the policy in force: what lasts longer than a request is not decided by an old one.
    pub(crate) fn renew(&mut self, policy: Arc<Policy>) {
        if self.policy.version() == policy.version() {
            return;
        }
        if !self.who.groups.is_empty() {
            self.who = Arc::new(self.who.under(&policy));
        }
        self.policy = policy;
    }

    /// Whether it is no longer known who he is.
    pub(crate) fn expired(&self, now: u64) -> bool {
        token::expired(self.expires_at, now)
    }

    /// How long it is known from now on.
    pub(crate) fn remaining(&self, now: u64) -> Duration {
        Duration::from_secs(self.expires_at.saturating_add(token::LEEWAY).saturating_sub(now))
    }
}

/// The header with the request's id; set by the route table where the gateway has not.
pub(crate) const REQUEST_ID: &str = "x-request-id";

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
        Ok(caller(app, request, |bound| bound.is_none()).await?)
    }
}

/// The caller of an MCP server behind the gateway: like everybody else's, or by a token that is bound to exactly
/// this server. Nothing else in the registry takes such a token.
///
/// # Errors
/// [`ApiError::Unauthenticated`], also for a token that is bound to another server; [`ApiError::NoKeys`].
pub(crate) async fn gateway_caller(app: &App, request: &Request, server: &str) -> Result<Caller, ApiError> {
    caller(app, request, |bound| bound.is_none_or(|bound| bound == server)).await
}

/// Reads the caller; `fits` says whether a token that is bound to this MCP server, or to none, is taken here.
async fn caller(
    app: &App,
    request: &Request,
    fits: impl FnOnce(Option<&str>) -> bool,
) -> Result<Caller, ApiError> {
    let policy = app.policy.current();
    let request_id = request.header(REQUEST_ID).unwrap_or_default().to_owned();
    let known = app.seal.read(request, &policy, (app.clock)()).await.and_then(|known| {
        if fits(known.bound.as_deref()) { Ok(known) } else { Err(ApiError::Unauthenticated) }
    });
    match known {
        Ok(Known { who, agent, expires_at, bound: _ }) => {
            Ok(Caller { who, policy, agent, expires_at, request_id, recorded: Recorded::default() })
        }
        Err(error) => {
            app.record_stranger(&request_id, request.method().as_str(), request.uri().path(), &policy);
            Err(error)
        }
    }
}
