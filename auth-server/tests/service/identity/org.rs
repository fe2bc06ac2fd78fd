//! An organisation of a test: its key, its agents and MCP servers, and the calls of all of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;
use token::{Signer, SigningAlgorithm, key_set};
use url::form_urlencoded::Serializer;

use crate::fixture::Provider;
use crate::stack::{Answer, NOW, Stack, send};

pub(crate) const BASE: &str = "/orgs/default/api/v1";
pub(crate) const ISSUER: &str = "http://127.0.0.1:8080/orgs/default/api/v1";
pub(crate) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(crate) const FINANCE: &str = "https://mcp.example.com/financial-data";
pub(crate) const FINANCE_URN: &str = "urn:mcp:financial-data";
pub(crate) const DOCUMENTS: &str = "https://mcp.example.com/documents";
/// Until the next midnight of UTC, from [`NOW`] on: it is eight in the morning.
pub(crate) const TO_MIDNIGHT: u64 = 57_600;

pub(crate) struct Org {
    pub(crate) stack: Stack,
    pub(crate) key: String,
    pub(crate) trail: PathBuf,
}

#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) slug: String,
}

/// What is sent as a body.
pub(crate) enum Sent<'b> {
    Nothing,
    Json(Value),
    Form(&'b [(&'b str, &'b str)]),
    /// This type (left out when empty), these bytes.
    As(&'b str, &'b [u8]),
}

impl Org {
    pub(crate) async fn open() -> Org {
        Org::with(&[]).await
    }

    pub(crate) async fn with(flags: &[&str]) -> Org {
        Org::over(Arc::new(tempfile::tempdir().unwrap()), flags).await
    }

    /// Over a folder that may hold the state of one before it, which must be closed.
    pub(crate) async fn over(folder: Arc<TempDir>, flags: &[&str]) -> Org {
        Org::beside(Provider::start().await, folder, flags).await
    }

    /// With this provider.
    pub(crate) async fn beside(provider: Provider, folder: Arc<TempDir>, flags: &[&str]) -> Org {
        let trail = folder.path().join("audit.log");
        let audit = format!("--audit={}", trail.display());
        let flags: Vec<&str> = [audit.as_str()].into_iter().chain(flags.iter().copied()).collect();
        let stack = Stack::over(folder, provider, &flags).await;
        stack.provider.page("/jwks", key_set(&stack.signers));
        stack.app.refresh_keys().await;
        stack.app.take_policy(Ok(policy()));
        let key = std::fs::read_to_string(stack.folder.path().join("state/admin_key")).unwrap();
        Org { key: key.trim_end().to_owned(), stack, trail }
    }

    /// Another server over the same folder, once this one has ended: one at a time has the directory.
    pub(crate) async fn restarted(self) -> Org {
        self.stack.app.close().await;
        let folder = Arc::clone(&self.stack.folder);
        drop(self);
        Org::over(folder, &[]).await
    }

    /// An agent with both capabilities, and the two MCP servers of the guides.
    pub(crate) async fn furnished() -> (Org, Agent) {
        let org = Org::open().await;
        let capabilities = json!({"capabilities": ["read:documents", "mcp:financial"]});
        let agent = org.agent("Research Analyst", capabilities).await;
        org.targets().await;
        (org, agent)
    }

    pub(crate) async fn targets(&self) {
        for (name, uri, alias, capability) in [
            ("Financial Data", FINANCE, FINANCE_URN, "mcp:financial"),
            ("Documents", DOCUMENTS, "urn:mcp:documents", "read:documents"),
        ] {
            self.target(json!({
                "name": name, "resource_uri": uri, "aliases": [alias],
                "required_capability": capability, "scopes_supported": [capability],
            }))
            .await;
        }
    }

    /// See [`call`].
    pub(crate) async fn call(&self, line: &str, headers: &str, sent: Sent<'_>) -> Answer {
        call(self.stack.main, line, headers, sent).await
    }

    /// With the organisation's key; null sends no body.
    pub(crate) async fn admin(&self, line: &str, body: Value) -> Answer {
        let key = format!("x-api-key: {}\r\n", self.key);
        let sent = if body.is_null() { Sent::Nothing } else { Sent::Json(body) };
        self.call(line, &key, sent).await
    }

    /// With a bearer token; null sends no body.
    pub(crate) async fn asks(&self, token: &str, line: &str, body: Value) -> Answer {
        let sent = if body.is_null() { Sent::Nothing } else { Sent::Json(body) };
        self.call(line, &bearer(token), sent).await
    }

    pub(crate) async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.call(&format!("POST {path}"), "", Sent::Form(pairs)).await
    }

    pub(crate) async fn agent(&self, name: &str, more: Value) -> Agent {
        let mut body = more;
        body["name"] = name.into();
        let answer = self.admin("POST /admin/agents", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let data = answer.json()["data"].take();
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        Agent { id: text("agentId"), secret: text("clientSecret"), slug: text("slug") }
    }

    pub(crate) async fn target(&self, body: Value) -> Value {
        let answer = self.admin("POST /admin/mcp/servers", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["data"].take()
    }

    pub(crate) async fn change(&self, agent: &Agent, body: Value) {
        let answer = self.admin(&format!("PATCH /admin/agents/{}", agent.id), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub(crate) async fn signs_in(&self, id: &str, secret: &str, scope: Option<&str>) -> Answer {
        let mut form =
            vec![("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        form.extend(scope.map(|scope| ("scope", scope)));
        self.form("/oauth/token", &form).await
    }

    /// A base token with all scopes, or with these.
    pub(crate) async fn token(&self, agent: &Agent, scope: Option<&str>) -> String {
        token_of(&self.signs_in(&agent.id, &agent.secret, scope).await)
    }

    /// Exchanges a token, with further parameters.
    pub(crate) async fn exchanges(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form =
            vec![("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
        form.extend(more);
        self.form("/oauth/token", &form).await
    }

    pub(crate) async fn exchanged(&self, token: &str, audience: &str) -> String {
        token_of(&self.exchanges(token, &[("audience", audience)]).await)
    }

    /// The issuer's own key, for tokens that it never made.
    pub(crate) fn forge(&self, claims: &Value) -> String {
        let pkcs8 = std::fs::read(self.stack.folder.path().join("state/issuer.es256.pk8")).unwrap();
        Signer::from_pkcs8(SigningAlgorithm::Es256, &pkcs8).unwrap().sign("at+jwt", claims).unwrap()
    }

    /// The records of an action, once there are so many: the trail is written beside the requests.
    pub(crate) async fn records(&self, action: &str, count: usize) -> Vec<Value> {
        let written = async {
            loop {
                let text = std::fs::read_to_string(&self.trail).unwrap();
                let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
                let all = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                let found: Vec<Value> = all.filter(|record| record["action"] == action).collect();
                if found.len() >= count {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), written).await;
        let found = found.unwrap_or_else(|_| panic!("{count} records of {action}"));
        assert_eq!(found.len(), count, "{found:#?}");
        found
    }
}

/// Sends `line` ("GET /agents/me", below the base unless it begins with two slashes) and whole header lines.
pub(crate) async fn call(to: SocketAddr, line: &str, headers: &str, sent: Sent<'_>) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let whole = path.strip_prefix('/').filter(|path| path.starts_with('/'));
    let path = whole.map_or_else(|| format!("{BASE}{path}"), str::to_owned);
    let (kind, body) = match sent {
        Sent::Nothing => ("", Vec::new()),
        Sent::Json(value) => ("application/json", value.to_string().into_bytes()),
        Sent::Form(pairs) => {
            let form = Serializer::new(String::new()).extend_pairs(pairs).finish();
            ("application/x-www-form-urlencoded", form.into_bytes())
        }
        Sent::As(kind, body) => (kind, body.to_vec()),
    };
    let kind = if kind.is_empty() { String::new() } else { format!("content-type: {kind}\r\n") };
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\ncontent-length: {length}\r\n{kind}{headers}");
    send(to, &head, body).await
}

/// The shipped policy, and groups that keep the directory.
pub(crate) fn policy() -> String {
    let more = "group_mappings:\n  directory-readers:\n    - admin:agents:read\n  \
                directory-keepers:\n    - admin:agents:read\n    - admin:agents:write\n";
    let shipped = include_str!("../../../../deploy/scopes.yml");
    assert!(shipped.contains("\ngroup_mappings:\n"));
    shipped.replacen("group_mappings:\n", more, 1)
}

pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}")))
}

pub(crate) fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// A part of a token: 0 its header, 1 its claims.
pub(crate) fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// An error of an OAuth endpoint (RFC 6749 section 5.2).
#[track_caller]
pub(crate) fn oauth_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (status, Some(code)),
        "{code}: {}",
        answer.body
    );
    let told = answer.json();
    assert!(told["error_description"].as_str().is_some_and(|text| text.len() > 10), "{told}");
    assert_eq!(told.as_object().unwrap().len(), 2, "{told}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// An error of everything else; the fields of its faults.
#[track_caller]
pub(crate) fn api_error(answer: &Answer, status: u16, code: &str) -> Vec<String> {
    let told = answer.json();
    assert_eq!((answer.status, &told["error"]), (status, &json!(code)), "{}", answer.body);
    assert_eq!((&told["status"], &told["code"]), (&json!(status), &json!(code)), "{told}");
    assert!(told["message"].as_str().is_some_and(|text| text.len() > 5), "{told}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let faults = told["faults"].as_array();
    assert_eq!(told.as_object().unwrap().len(), 4 + usize::from(faults.is_some()), "{told}");
    let faults = faults.into_iter().flatten();
    faults
        .map(|fault| {
            assert!(fault["message"].as_str().is_some_and(|text| text.len() > 3), "{told}");
            fault["field"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// Everything of an answer that a stranger could compare, but for the time.
pub(crate) fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
    (answer.status, headers, answer.body.clone())
}

#[test]
fn it_is_eight_in_the_morning() {
    assert_eq!((NOW + TO_MIDNIGHT) % 86_400, 0);
}
