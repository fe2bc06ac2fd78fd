//! Every answer that says no to agents (`agents/`) and to those who keep them (`directory/`): the only place that
//! picks their statuses.

use access::DirectoryDenied;
use catalog::Faults;
use serde_json::json;
use store::StoreError;
use token::TokenError;

use super::Exhausted;
use crate::asked::Unread;
use crate::reply::Reply;
use crate::validate::Field;

/// Why not.
#[derive(Debug)]
pub(crate) enum IdentityError {
    /// There is no request to judge.
    Unread(Unread),
    /// The body is no JSON object; what to change.
    Body(String),
    /// No token, or a bad one.
    Token(TokenError),
    /// A key of the organisation that is not.
    Key,
    /// Neither a key nor a token was sent.
    Nobody,
    /// Proven, but not allowed.
    Denied(DirectoryDenied),
    /// An agent speaks for another.
    OtherAgent,
    /// The organisation's key alone opens this.
    KeyAlone,
    /// There is no such organisation, agent or target.
    Absent(&'static str),
    /// `If-Match` names another state.
    Precondition,
    /// Who asks would give more of the registry than he has.
    Groups,
    /// Too many runs were reported today; the value is how long to wait, in seconds.
    TooManyRuns(u64),
    /// What Keycloak says cannot be changed here; what to do instead.
    KeptElsewhere(&'static str),
    /// A budget is used up; the second value is how long to wait, in seconds.
    Exhausted(Exhausted, u64),
    /// Fields are wrong, all of them.
    Faults(Faults),
    /// The same, where an agent asks: its answers have no 422.
    BadFields(Faults),
    /// The store refused.
    Store(StoreError),
    /// Too many secrets are being hashed.
    Busy,
    /// A fault of ours. The text is for the log.
    Internal(String),
}

impl IdentityError {
    /// A used-up budget, at this time.
    pub(crate) fn exhausted(why: Exhausted, now: u64) -> IdentityError {
        IdentityError::Exhausted(why, why.retry_after(now))
    }

    /// The answer.
    pub(crate) fn reply(&self, request_id: Field<'_>) -> Reply {
        self.log(request_id);
        let (status, code, message) = self.parts();
        let reply = match self {
            IdentityError::Faults(faults) | IdentityError::BadFields(faults) => {
                let list: Vec<_> = faults
                    .list()
                    .iter()
                    .map(|fault| json!({"field": fault.field, "message": fault.message}))
                    .collect();
                let body = json!({
                    "error": code, "message": message, "status": status, "code": code, "faults": list,
                });
                Reply::json(status, &body)
            }
            _ => Reply::error(status, code, &message),
        };
        let reply = reply.no_store();
        match self {
            IdentityError::Token(TokenError::Missing) | IdentityError::Nobody => {
                reply.header("www-authenticate", "Bearer realm=\"identity\"")
            }
            IdentityError::Token(_) | IdentityError::Key if status == 401 => reply.header(
                "www-authenticate",
                &format!(
                    "Bearer realm=\"identity\", error=\"invalid_token\", error_description=\"{message}\""
                ),
            ),
            IdentityError::Denied(DirectoryDenied::Scope(action)) => reply.header(
                "www-authenticate",
                &format!("Bearer realm=\"identity\", error=\"insufficient_scope\", scope=\"{action}\""),
            ),
            IdentityError::Unread(Unread::Method(allow)) => reply.header("allow", allow),
            IdentityError::Exhausted(_, seconds) | IdentityError::TooManyRuns(seconds) => {
                reply.header("retry-after", &seconds.to_string())
            }
            _ if status == 503 => reply.header("retry-after", "1"),
            _ => reply,
        }
    }

    /// What is a fault of ours, once. That the directory is away, its store says when it begins and ends.
    fn log(&self, request_id: Field<'_>) {
        let id = request_id.printable();
        match self {
            IdentityError::Internal(cause) => tracing::error!(request_id = %id, %cause, "a request failed"),
            IdentityError::Store(fault @ StoreError::WrongPermit) => {
                tracing::error!(request_id = %id, %fault, "a permit was used for another write");
            }
            IdentityError::Store(fault) => tracing::debug!(request_id = %id, %fault, "not changed"),
            _ => {}
        }
    }

    /// What the audit trail is told: nothing that was sent, which may be a secret in the wrong place.
    pub(crate) fn recorded(&self) -> String {
        match self {
            IdentityError::Faults(faults) | IdentityError::BadFields(faults) => {
                format!("{} of the fields are wrong", faults.list().len())
            }
            IdentityError::Store(StoreError::Taken(_)) => "the name is taken".to_owned(),
            IdentityError::Body(_) => "the body cannot be read".to_owned(),
            _ => self.parts().2,
        }
    }

    fn parts(&self) -> (u16, &'static str, String) {
        match self {
            IdentityError::Unread(why) => {
                let status = match why {
                    Unread::Method(_) => 405,
                    Unread::TooLarge => 413,
                    Unread::TooSlow => 408,
                    Unread::Broken => 400,
                };
                (status, "invalid_request", why.to_string())
            }
            IdentityError::Body(what) => (400, "invalid_request", what.clone()),
            IdentityError::Token(TokenError::Missing) => {
                (401, "unauthorized", TokenError::Missing.to_string())
            }
            IdentityError::Token(TokenError::Unavailable | TokenError::Key(_)) => {
                (503, "temporarily_unavailable", TokenError::Unavailable.to_string())
            }
            IdentityError::Token(why @ TokenError::RevocationUnknown) => {
                (503, "temporarily_unavailable", why.to_string())
            }
            IdentityError::Token(why) => (401, "invalid_token", why.to_string()),
            IdentityError::Key => (401, "invalid_key", "the X-API-Key is not this organisation's".to_owned()),
            IdentityError::Nobody => (
                401,
                "unauthorized",
                "send the organisation's key in X-API-Key, or a bearer token".to_owned(),
            ),
            IdentityError::Denied(why) => (403, "forbidden", why.to_string()),
            IdentityError::OtherAgent => {
                (403, "forbidden", "an agent registers itself alone: client_id is another's".to_owned())
            }
            IdentityError::KeyAlone => {
                (403, "forbidden", "the organisation's key alone opens this: send it in X-API-Key".to_owned())
            }
            IdentityError::Absent(what) => (404, "not_found", format!("there is no such {what}")),
            IdentityError::Precondition => (
                412,
                "precondition_failed",
                "it was changed since that state: read it again, then change it".to_owned(),
            ),
            IdentityError::Groups => (
                403,
                "forbidden",
                "an agent in these groups may do more in the registry than you: use the organisation's key"
                    .to_owned(),
            ),
            IdentityError::TooManyRuns(_) => (
                429,
                "too_many_runs",
                "so many runs of one day cannot be told apart: report several of them as one".to_owned(),
            ),
            IdentityError::KeptElsewhere(what) => (409, "kept_elsewhere", (*what).to_owned()),
            IdentityError::Exhausted(why, _) => (429, "budget_exceeded", why.to_string()),
            IdentityError::Faults(faults) => (422, "validation_failed", faults.to_string()),
            IdentityError::BadFields(faults) => (400, "invalid_request", faults.to_string()),
            IdentityError::Busy => {
                (503, "temporarily_unavailable", "too many secrets are being hashed: try again".to_owned())
            }
            IdentityError::Internal(_) => (500, "server_error", "the request could not be served".to_owned()),
            IdentityError::Store(fault) => store(fault),
        }
    }
}

fn store(fault: &StoreError) -> (u16, &'static str, String) {
    match fault {
        StoreError::Taken(name) => (409, "conflict", format!("'{name}' is taken: choose another")),
        // What a bearer may give was judged by the state before.
        StoreError::Changed { .. } => {
            (409, "conflict", "it was changed meanwhile: read it again, then change it".to_owned())
        }
        StoreError::Absent(_) => (404, "not_found", "it is not there any more".to_owned()),
        StoreError::WrongPermit => (403, "forbidden", "this is not allowed".to_owned()),
        StoreError::Unavailable { .. } | StoreError::Unprepared { .. } | StoreError::Damaged { .. } => (
            503,
            "temporarily_unavailable",
            "the directory cannot be changed at present: try again".to_owned(),
        ),
    }
}
