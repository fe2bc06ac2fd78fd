//! Somebody who calls the stack, with or without a token, and the answer he gets.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::stack::{Stack, wait};

/// A caller of the gateway.
pub struct Caller {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when it is empty or something else.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Caller {
    /// A client of the stack, signed in.
    ///
    /// # Panics
    /// When there is no token to be had.
    pub async fn sign_in(stack: &Stack, client: &str) -> Self {
        let token =
            stack.token(client).await.unwrap_or_else(|fault| panic!("{client} cannot sign in: {fault}"));
        Self::new(stack.gateway(), Some(token))
    }

    /// Somebody at any door, with any token.
    ///
    /// # Panics
    /// When no HTTP client can be made.
    #[must_use]
    pub fn new(base: String, token: Option<String>) -> Self {
        let http = wait::client().unwrap_or_else(|fault| panic!("{fault}"));
        Self { http, base, token }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// POST without a body.
    pub async fn post(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None, &[]).await
    }

    /// POST of a JSON value.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, &body.to_string()).await
    }

    /// POST of exactly these bytes, called JSON.
    pub async fn post_bytes(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    /// Any request.
    ///
    /// # Panics
    /// When nothing answers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_owned());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap_or_else(|cause| panic!("{method} {path}: {cause}"));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap_or_else(|cause| panic!("{method} {path}: {cause}"));
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Registers a card and enables it; a card that is there already is left as it is.
    ///
    /// # Panics
    /// When either is refused.
    pub async fn publish(&self, card: &Value) {
        let path = card["path"].as_str().unwrap_or_default();
        let registered = self.post_json("/api/agents/register", card).await;
        assert!([201, 409].contains(&registered.status.as_u16()), "{path}: {registered:?}");
        self.post(&format!("/api/agents{path}/toggle?enabled=true")).await.must_be(200);
    }

    /// Searches by meaning; the paths of the hits in their order.
    ///
    /// # Panics
    /// When the search is refused.
    pub async fn find(&self, query: &str, most: usize) -> Vec<String> {
        let body = json!({"query": query, "max_results": most, "entity_types": ["a2a_agent"]});
        let found = self.post_json("/api/agents/discover/semantic", &body).await;
        crate::column(&found.must_be(200)["entities"], "path")
    }
}

impl Answer {
    /// The body, when the status is the expected one.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn must_be(&self, status: u16) -> &Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        &self.body
    }

    /// A header's value, empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks that this is a refusal in the one error form, as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn must_refuse(&self, status: u16) {
        self.must_be(status);
        assert!(self.header("content-type").starts_with("application/json"), "{self:?}");
        for key in ["code", "message", "detail"] {
            assert!(!self.body[key].is_null(), "{key} is missing: {self:?}");
        }
    }
}
