//! Outcome → 200, 401, 403, 503. The only place that picks a status of /validate.

use access::{DecisionRecord, Principal};
use token::TokenError;

use crate::app::App;
use crate::discovery;
use crate::reply::{FieldValue, Prepared, Reply};

use super::target::Target;
use super::{Field, Raw, Refusal};

/// Named in every challenge (RFC 9110 section 11.5).
const REALM: &str = "registry";
/// When to ask again after a fault of ours, in seconds.
const RETRY_AFTER: &str = "5";

/// How much of a path is recorded, in bytes: a trail is no place to store things.
const MOST_RECORDED: usize = 512;

/// Whose fault a refusal is, and so what nginx must do with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// 401 without an error code: no token was shown (RFC 6750 section 3.1).
    Unasked,
    /// 401: the token is no good.
    Unproven,
    /// 403: known or not, not this.
    Forbidden,
    /// 503: we could not tell. nginx then refuses, which is right.
    Ours,
}

/// 200: the prepared headers and body, and the sealed identity.
pub(super) fn allowed(app: &App, prepared: &Prepared, sealed: FieldValue) -> Reply {
    app.metrics.allowed.inc();
    Reply::prepared(200, prepared, sealed)
}

/// Whether a failed proof says nothing about the token.
pub(super) fn is_ours(why: &TokenError) -> bool {
    of_token(why) == Verdict::Ours
}

/// Everything but 200.
pub(super) fn refused(
    app: &App,
    raw: &Raw<'_>,
    target: &Target<'_>,
    who: Option<&Principal>,
    why: &Refusal,
) -> Reply {
    let verdict = verdict(why);
    let message = outward(why);
    log(verdict, raw.request_id, why);
    record(app, raw, verdict, who, &message);
    match verdict {
        Verdict::Unasked => {
            app.metrics.unauthenticated.inc();
            let challenge = format!("Bearer realm=\"{REALM}\"{}", metadata(app, target));
            Reply::error(401, "unauthorized", &message).header("www-authenticate", &challenge)
        }
        Verdict::Unproven => {
            app.metrics.unauthenticated.inc();
            let challenge = format!(
                "Bearer realm=\"{REALM}\", error=\"invalid_token\", error_description=\"{message}\"{}",
                metadata(app, target)
            );
            Reply::error(401, "invalid_token", &message).header("www-authenticate", &challenge)
        }
        Verdict::Forbidden => {
            app.metrics.forbidden.inc();
            let code = match why {
                Refusal::OutOfReach(_) => "insufficient_scope",
                Refusal::Exhausted(_) => "budget_exceeded",
                Refusal::Path(_) | Refusal::Repeated(_) | Refusal::TwoTokens | Refusal::Token(_) => {
                    "forbidden"
                }
            };
            // nginx does not read the body, and answers in a form of its own: it goes by this header.
            let reply = Reply::error(403, code, &message).header("x-refusal", code);
            match why {
                Refusal::OutOfReach(_) => {
                    let challenge = format!("Bearer realm=\"{REALM}\", error=\"insufficient_scope\"");
                    reply.header("www-authenticate", &challenge)
                }
                Refusal::Exhausted(why) => {
                    reply.header("retry-after", &why.retry_after(app.now()).to_string())
                }
                Refusal::Path(_) | Refusal::Repeated(_) | Refusal::TwoTokens | Refusal::Token(_) => reply,
            }
        }
        Verdict::Ours => {
            app.metrics.failed.inc();
            Reply::error(503, "temporarily_unavailable", &message).header("retry-after", RETRY_AFTER)
        }
    }
    .no_store()
}

fn verdict(why: &Refusal) -> Verdict {
    match why {
        Refusal::Token(why) => of_token(why),
        Refusal::TwoTokens => Verdict::Unproven,
        Refusal::Repeated("Authorization" | "X-Authorization") => Verdict::Unproven,
        Refusal::Repeated(_) | Refusal::Path(_) | Refusal::OutOfReach(_) => Verdict::Forbidden,
        // nginx passes on 401 and 403 alone.
        Refusal::Exhausted(_) => Verdict::Forbidden,
    }
}

fn of_token(why: &TokenError) -> Verdict {
    match why {
        TokenError::Missing => Verdict::Unasked,
        TokenError::TooLong
        | TokenError::Malformed(_)
        | TokenError::Algorithm
        | TokenError::Critical
        | TokenError::Kind
        | TokenError::UnknownIssuer
        | TokenError::UnknownKey
        | TokenError::Signature
        | TokenError::Expired
        | TokenError::NotYetValid
        | TokenError::Audience
        | TokenError::Revoked
        | TokenError::Claim(_) => Verdict::Unproven,
        TokenError::Unavailable | TokenError::RevocationUnknown | TokenError::Key(_) => Verdict::Ours,
    }
}

/// What to tell the caller: nothing of the token, nothing of our inside.
fn outward(why: &Refusal) -> String {
    match why {
        Refusal::Token(TokenError::Key(_)) => TokenError::Unavailable.to_string(),
        Refusal::Token(why) => why.to_string(),
        Refusal::Repeated(header) => format!("the header {header} was sent more than once"),
        Refusal::TwoTokens => "Authorization and X-Authorization differ: send one of them".to_owned(),
        Refusal::Path(fault) => fault.to_string(),
        Refusal::OutOfReach(_) => "none of your scopes reaches this MCP server".to_owned(),
        Refusal::Exhausted(why) => why.to_string(),
    }
}

/// Where a client finds out who issues tokens for an MCP server (RFC 9728 section 5.1).
fn metadata(app: &App, target: &Target<'_>) -> String {
    match target {
        Target::Registry => String::new(),
        Target::Server(server) => {
            let resource = server.resource(&app.public_url);
            let document = discovery::well_known(discovery::PROTECTED_RESOURCE, &resource);
            format!(", resource_metadata=\"{document}\"")
        }
    }
}

/// Puts the refusal into the audit trail.
fn record(app: &App, raw: &Raw<'_>, verdict: Verdict, who: Option<&Principal>, message: &str) {
    let path = match raw.original_uri {
        Field::Once(target) => target.split(|byte| *byte == b'?').next().unwrap_or_default(),
        Field::Absent | Field::Repeated => b"-",
    };
    let path = String::from_utf8_lossy(&path[..path.len().min(MOST_RECORDED)]);
    app.audit.record(&DecisionRecord {
        time: app.now(),
        server: "auth-server",
        request_id: &raw.request_id.printable(),
        who: who.map(|who| who.username.as_str()),
        client_id: who.and_then(|who| who.client_id.as_deref()),
        action: "validate",
        resource: &path,
        verdict: match verdict {
            Verdict::Unasked | Verdict::Unproven => "unauthenticated",
            Verdict::Forbidden => "forbidden",
            Verdict::Ours => "undecided",
        },
        rule: Some(message.to_owned()),
        policy_version: app.policy.current().version(),
    });
}

fn log(verdict: Verdict, request_id: Field<'_>, why: &Refusal) {
    let id = request_id.printable();
    match (verdict, why) {
        // Told once by `token::jwks`, or by the directory, when it begins and ends; how many requests it hits, the
        // counter says. A line for each would fill the disk in a provider's outage.
        (Verdict::Ours, Refusal::Token(TokenError::Unavailable | TokenError::RevocationUnknown)) => {
            tracing::debug!(request_id = %id, ?why, "no decision");
        }
        (Verdict::Ours, _) => tracing::error!(request_id = %id, ?why, "no decision"),
        (Verdict::Unasked | Verdict::Unproven | Verdict::Forbidden, _) => {
            tracing::debug!(request_id = %id, ?why, "refused");
        }
    }
}
