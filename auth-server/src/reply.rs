//! The shape of every answer: status, headers, JSON.

use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName};
use serde_json::{Value, json};

pub(crate) use hyper::body::Bytes;
pub(crate) use hyper::header::HeaderValue;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer ready to be sent.
pub(crate) struct Reply(hyper::Response<Full<Bytes>>);

/// The parts of an answer that are the same each time, made once: copying one counts
/// references, nothing else.
pub(crate) struct Prepared {
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    /// An answer with a body of the given kind.
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
        let mut reply = Reply::bare(status, body.into());
        reply.0.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        reply
    }

    fn bare(status: u16, body: Bytes) -> Reply {
        let mut response = hyper::Response::new(Full::new(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Reply(response)
    }

    /// An answer with a JSON body.
    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        Reply::new(status, "application/json", body.to_string())
    }

    /// The error body of everything but OAuth's endpoints (design page "agent-identity").
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
        Reply::json(status, &json!({"error": code, "message": message, "status": status, "code": code}))
    }

    /// 404 of the router.
    pub(crate) fn not_found() -> Reply {
        Reply::error(404, "not_found", "there is nothing at this path")
    }

    /// 405 of the router, with the methods that are there (RFC 9110 section 15.5.6).
    pub(crate) fn method_not_allowed(allow: &'static str) -> Reply {
        let mut reply = Reply::error(405, "method_not_allowed", "this path has other methods");
        reply.0.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        reply
    }

    /// Adds a header. A value that no header can have is left out.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Reply {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Keeps the answer out of every cache.
    pub(crate) fn no_store(mut self) -> Reply {
        self.0.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self
    }

    /// A prepared answer and one header of its own.
    pub(crate) fn prepared(
        status: u16,
        prepared: &Prepared,
        name: &'static str,
        value: HeaderValue,
    ) -> Reply {
        let mut reply = Reply::bare(status, prepared.body.clone());
        // Cloned whole: cheaper than to hash each name once more.
        *reply.0.headers_mut() = prepared.headers.clone();
        reply.0.headers_mut().insert(HeaderName::from_static(name), value);
        reply
    }

    /// The answer as hyper sends it.
    pub(crate) fn into_response(self) -> hyper::Response<Full<Bytes>> {
        self.0
    }
}

impl Prepared {
    /// Prepares headers and a JSON body. `None` when a value cannot stand in a header.
    pub(crate) fn new(headers: Vec<(&'static str, String)>, body: &Value) -> Option<Prepared> {
        let mut map = HeaderMap::with_capacity(headers.len() + 3);
        map.insert(CONTENT_TYPE, JSON);
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
        }
        Some(Prepared { headers: map, body: body.to_string().into() })
    }

    /// The same answer with one header more and a body of its own.
    pub(crate) fn with(&self, name: &'static str, value: String, body: &Value) -> Option<Prepared> {
        let mut headers = self.headers.clone();
        headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
        Some(Prepared { headers, body: body.to_string().into() })
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + self.headers.iter().map(|(_, value)| value.len() + 128).sum::<usize>()
    }
}
