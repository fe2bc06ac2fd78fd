//! The list of answers we can give when the answer is no: every status is chosen here.

use access::Denied;
use catalog::json::JsonFault;
use catalog::{Faults, PathFault};
use poem::http::{HeaderName, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use store::StoreError;

/// The one error body (design page "registry-api").
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Problem {
    /// A word for programs: `not_found`, `validation_failed`, …
    code: String,
    /// A sentence for people that says what to change.
    message: String,
    /// The message again, for clients that read this key.
    detail: String,
    /// With 422: every fault of what was sent.
    errors: Option<Vec<FieldProblem>>,
    /// With 412: the entity tag the entry has now.
    etag: Option<String>,
    /// With 410: the number of the latest change.
    last: Option<u64>,
}

/// One fault of a submitted card or query.
#[derive(Debug, Object)]
struct FieldProblem {
    /// Where, e.g. `skills[2].id`; empty for the whole.
    field: String,
    /// What is wrong and what to change.
    message: String,
}

/// Why a request is not done.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The request cannot be read.
    Malformed(String),
    /// Nobody the auth-server knows.
    Unauthenticated,
    /// Known, and not permitted.
    Forbidden(String),
    /// Nothing there, or nothing this caller may see.
    Absent,
    /// No such route.
    NoRoute,
    /// The route does not know the method; `Allow` lists those it knows.
    Method(String),
    /// Another entry lives at this path.
    Taken(String),
    /// The entry is not the one the caller read; with its tag of now.
    Stale(String),
    /// The changes since then are not known here; with the number of the latest one.
    Forgotten(u64),
    /// Too much at a time of what costs us something while it lasts.
    TooMany(String),
    /// Too many servers are being checked on demand.
    TooManyChecks,
    /// The body is longer than this many bytes.
    TooLarge(usize),
    /// The body is of a kind we do not read.
    MediaType(String),
    /// What was sent breaks these rules.
    Invalid(Faults),
    /// Semantic search cannot answer now.
    NoSearch(&'static str),
    /// The state cannot be written now.
    NoStore,
    /// What could be shown may be too old.
    Behind,
    /// Nobody can be recognised now: the auth-server's keys are not known.
    NoKeys,
    /// A mistake of ours; the log has the cause.
    Ours,
}

/// Every status an operation can answer with when it does not do what was asked.
const STATUSES: [(u16, &str); 13] = [
    (400, "The request cannot be read: not JSON, not an object, a parameter that is none."),
    (401, "No valid access token; `WWW-Authenticate` says how to get in."),
    (403, "The caller's scopes do not grant this on this path, whether or not anything lives there."),
    (404, "Nothing there, or nothing the caller may see."),
    (409, "The path is taken."),
    (
        410,
        "The changes since then are forgotten, or were never made here; `last` is the number to follow from.",
    ),
    (412, "The entry has changed since it was read; `ETag` has its tag of now."),
    (413, "The body is too long."),
    (415, "The body is neither JSON nor, where that is read, a form."),
    (422, "What was sent breaks rules; `errors` lists every fault with its field."),
    (429, "Too many at a time; `Retry-After` says when to try again."),
    (500, "A mistake of ours."),
    (503, "Not now: the reason is in the message."),
];

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            ApiError::Malformed(_) => StatusCode::BAD_REQUEST,
            ApiError::Unauthenticated => StatusCode::UNAUTHORIZED,
            ApiError::Forbidden(_) => StatusCode::FORBIDDEN,
            ApiError::Absent | ApiError::NoRoute => StatusCode::NOT_FOUND,
            ApiError::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::Taken(_) => StatusCode::CONFLICT,
            ApiError::Stale(_) => StatusCode::PRECONDITION_FAILED,
            ApiError::Forgotten(_) => StatusCode::GONE,
            ApiError::TooMany(_) | ApiError::TooManyChecks => StatusCode::TOO_MANY_REQUESTS,
            ApiError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ApiError::NoSearch(_) | ApiError::NoStore | ApiError::Behind | ApiError::NoKeys => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            ApiError::Ours => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            ApiError::Malformed(_) => "bad_request",
            ApiError::Unauthenticated => "unauthenticated",
            ApiError::Forbidden(_) => "forbidden",
            ApiError::Absent | ApiError::NoRoute => "not_found",
            ApiError::Method(_) => "method_not_allowed",
            ApiError::Taken(_) => "path_taken",
            ApiError::Stale(_) => "precondition_failed",
            ApiError::Forgotten(_) => "changes_forgotten",
            ApiError::TooMany(_) => "too_many_streams",
            ApiError::TooManyChecks => "too_many_checks",
            ApiError::TooLarge(_) => "too_large",
            ApiError::MediaType(_) => "unsupported_media_type",
            ApiError::Invalid(_) => "validation_failed",
            ApiError::NoSearch(_) => "search_unavailable",
            ApiError::NoStore => "store_unavailable",
            ApiError::Behind => "stale",
            ApiError::NoKeys => "auth_unavailable",
            ApiError::Ours => "internal_error",
        }
    }

    /// The sentence for people.
    pub(crate) fn message(&self) -> String {
        match self {
            ApiError::Malformed(text)
            | ApiError::Forbidden(text)
            | ApiError::MediaType(text)
            | ApiError::TooMany(text) => text.clone(),
            ApiError::NoSearch(reason) => format!("semantic search cannot answer: {reason}"),
            ApiError::Unauthenticated => "send a valid access token through the gateway".to_owned(),
            ApiError::Absent => "there is no such entry, or none that you may see".to_owned(),
            ApiError::NoRoute => "there is nothing at this address; see /api/openapi.json".to_owned(),
            ApiError::Method(allowed) => format!("this address does not know the method; it knows {allowed}"),
            ApiError::Taken(path) => {
                format!("something is registered at '{path}': choose another path, or update it")
            }
            ApiError::Stale(etag) => {
                format!("the entry has changed since you read it, and its tag is now {etag}: read it again")
            }
            ApiError::Forgotten(last) => {
                format!(
                    "the changes since then are not known here: read the list again, then follow from {last}"
                )
            }
            ApiError::TooManyChecks => "too many servers are being checked now: try again later".to_owned(),
            ApiError::TooLarge(limit) => format!("the body is longer than {limit} bytes"),
            ApiError::Invalid(faults) => faults.to_string(),
            ApiError::NoStore => {
                // A database that falls silent while it commits leaves it open.
                "changes cannot be kept now; reading works. Try again later, and read first what is there"
                    .to_owned()
            }
            ApiError::Behind => {
                "this registry does not reach its database, and what it knows may be too old: try again later"
                    .to_owned()
            }
            ApiError::NoKeys => "callers cannot be recognised now; try again later".to_owned(),
            ApiError::Ours => "a mistake of ours; the log has the cause under this request's id".to_owned(),
        }
    }

    fn header(&self) -> Option<(HeaderName, String)> {
        match self {
            ApiError::Unauthenticated => {
                Some((header::WWW_AUTHENTICATE, "Bearer realm=\"registry\"".to_owned()))
            }
            ApiError::Method(allowed) => Some((header::ALLOW, allowed.clone())),
            ApiError::Stale(current) => Some((header::ETAG, current.clone())),
            ApiError::NoSearch(_)
            | ApiError::NoStore
            | ApiError::Behind
            | ApiError::NoKeys
            | ApiError::TooMany(_)
            | ApiError::TooManyChecks => Some((header::RETRY_AFTER, "5".to_owned())),
            ApiError::Malformed(_)
            | ApiError::Forbidden(_)
            | ApiError::Absent
            | ApiError::NoRoute
            | ApiError::Taken(_)
            | ApiError::Forgotten(_)
            | ApiError::TooLarge(_)
            | ApiError::MediaType(_)
            | ApiError::Invalid(_)
            | ApiError::Ours => None,
        }
    }

    fn problem(&self) -> Problem {
        let message = self.message();
        let faults = if let ApiError::Invalid(faults) = self { Some(faults.list()) } else { None };
        let errors = faults.map(|faults| faults.iter().map(FieldProblem::from).collect());
        let etag = if let ApiError::Stale(etag) = self { Some(etag.clone()) } else { None };
        let last = if let ApiError::Forgotten(last) = self { Some(*last) } else { None };
        Problem { code: self.code().to_owned(), detail: message.clone(), message, errors, etag, last }
    }

    /// A mistake of ours, with its cause for the log alone.
    pub(crate) fn ours(cause: &str) -> ApiError {
        tracing::error!(cause, "a request failed");
        ApiError::Ours
    }

    /// The error for a response that the framework made: its router and its parameter parsing
    /// answer in plain text. `allowed` lists the methods of the address.
    pub(crate) fn of_framework(
        status: StatusCode,
        text: String,
        allowed: impl FnOnce() -> String,
    ) -> ApiError {
        match status {
            StatusCode::NOT_FOUND => ApiError::NoRoute,
            StatusCode::METHOD_NOT_ALLOWED => ApiError::Method(allowed()),
            status if status.is_client_error() => ApiError::Malformed(text),
            _ => ApiError::ours(&text),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Json(self.problem()).into_response();
        response.set_status(self.status());
        if let Some((name, value)) = self.header()
            && let Ok(value) = value.parse()
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<ApiError> for poem::Error {
    fn from(error: ApiError) -> poem::Error {
        poem::Error::from_response(error.into_response())
    }
}

impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        let answer = |(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: <Json<Problem> as Payload>::CONTENT_TYPE,
                schema: Problem::schema_ref(),
            }],
            headers: Vec::new(),
        };
        MetaResponses { responses: STATUSES.into_iter().map(answer).collect() }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

impl From<&catalog::FieldFault> for FieldProblem {
    fn from(fault: &catalog::FieldFault) -> FieldProblem {
        FieldProblem { field: fault.field.clone(), message: fault.message.clone() }
    }
}

impl From<Faults> for ApiError {
    fn from(faults: Faults) -> ApiError {
        ApiError::Invalid(faults)
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> ApiError {
        match denied {
            Denied::OutsideGrants(_) => ApiError::Forbidden(denied.to_string()),
            Denied::Invisible => ApiError::Absent,
        }
    }
}

impl From<JsonFault> for ApiError {
    fn from(fault: JsonFault) -> ApiError {
        match fault {
            JsonFault::NotJson(_) => ApiError::Malformed(fault.to_string()),
            JsonFault::Refused(message) => ApiError::Invalid(Faults::one("", message)),
        }
    }
}

impl From<PathFault> for ApiError {
    fn from(fault: PathFault) -> ApiError {
        ApiError::Malformed(format!("no entry can live at this path: {fault}"))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error {
            StoreError::Taken(path) => ApiError::Taken(path),
            StoreError::Absent(_) => ApiError::Absent,
            StoreError::Changed { current, .. } => ApiError::Stale(current),
            StoreError::Unavailable { .. } => {
                tracing::error!(%error, "the state cannot be written");
                ApiError::NoStore
            }
            StoreError::WrongPermit | StoreError::Damaged { .. } | StoreError::Unprepared { .. } => {
                tracing::error!(%error, "the store refused a write that should not have been asked for");
                ApiError::Ours
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ToJSON;

    use super::*;

    fn text(error: &ApiError) -> String {
        error.problem().to_json_string()
    }

    #[test]
    fn one_body_for_every_error() {
        let error = ApiError::Invalid(Faults::one("name", "is required"));
        assert_eq!(
            text(&error),
            r#"{"code":"validation_failed","message":"name: is required","detail":"name: is required","errors":[{"field":"name","message":"is required"}]}"#
        );
        assert!(!text(&ApiError::Absent).contains("errors"), "a list that is not there is left out");
        let stale = ApiError::Stale("\"x\"".into()).problem();
        assert_eq!((stale.etag.as_deref(), stale.last), (Some("\"x\""), None));
        assert!(stale.message.contains("now \"x\":"), "{}", stale.message);
        assert_eq!(ApiError::Forgotten(7).problem().last, Some(7));
    }

    #[test]
    fn headers_that_belong_to_a_status() {
        for (error, status, name) in [
            (ApiError::Unauthenticated, 401, "www-authenticate"),
            (ApiError::Method("GET".into()), 405, "allow"),
            (ApiError::Stale("\"x\"".into()), 412, "etag"),
            (ApiError::NoSearch("x"), 503, "retry-after"),
            (ApiError::NoKeys, 503, "retry-after"),
            (ApiError::NoStore, 503, "retry-after"),
            (ApiError::Behind, 503, "retry-after"),
            (ApiError::TooMany("x".into()), 429, "retry-after"),
        ] {
            let response = error.into_response();
            assert_eq!(response.status().as_u16(), status);
            assert!(response.headers().contains_key(name), "{status} {name}");
        }
    }
}
