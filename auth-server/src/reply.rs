//! The shape of every answer: status, headers, JSON. No status is picked here.

use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer ready to be sent.
pub(crate) struct Reply(hyper::Response<Full<Bytes>>);

/// What stands in a header (RFC 9110 section 5.5), checked once: copying it counts references.
#[derive(Clone)]
pub(crate) struct FieldValue(HeaderValue);

/// The parts of an answer that are the same each time, made once, and a blank for the one
/// header that is not: the headers are copied with two allocations, as any answer's are.
pub(crate) struct Prepared {
    headers: HeaderMap,
    blank: HeaderName,
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

    /// A prepared answer, its blank filled.
    pub(crate) fn prepared(status: u16, prepared: &Prepared, value: FieldValue) -> Reply {
        let mut reply = Reply::bare(status, prepared.body.clone());
        // Cloned whole: cheaper than to hash each name once more.
        let headers = reply.0.headers_mut();
        *headers = prepared.headers.clone();
        // In the place kept for it: a copy has no room for one header more and would have to
        // move all of them.
        if let Some(blank) = headers.get_mut(&prepared.blank) {
            *blank = value.0;
        }
        reply
    }

    /// The answer as hyper sends it.
    pub(crate) fn into_response(self) -> hyper::Response<Full<Bytes>> {
        self.0
    }
}

impl Prepared {
    /// Prepares headers, one left blank, and a JSON body. `None` when a value cannot stand in
    /// a header.
    pub(crate) fn new(
        headers: Vec<(&'static str, String)>,
        blank: &'static str,
        body: &Value,
    ) -> Option<Prepared> {
        let mut map = HeaderMap::with_capacity(headers.len() + 2);
        map.insert(CONTENT_TYPE, JSON);
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
        }
        let blank = HeaderName::from_static(blank);
        map.insert(blank.clone(), HeaderValue::from_static(""));
        Some(Prepared { headers: map, blank, body: body.to_string().into() })
    }

    /// The same answer with one header more and a body of its own.
    pub(crate) fn with(&self, name: &'static str, value: String, body: &Value) -> Option<Prepared> {
        let mut headers = self.headers.clone();
        headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
        Some(Prepared { headers, blank: self.blank.clone(), body: body.to_string().into() })
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + self.headers.iter().map(|(_, value)| value.len() + 128).sum::<usize>()
    }
}

impl FieldValue {
    /// `None` for what cannot stand in a header.
    pub(crate) fn new(text: String) -> Option<FieldValue> {
        HeaderValue::try_from(text).ok().map(FieldValue)
    }

    /// In bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
