//! The organisation of a stack, its administrator and its agents: every secret and token that is had here is
//! remembered, so that it can be looked for where it must not be.

use std::sync::{Mutex, PoisonError};

use e2e::{Answer, Caller};
use reqwest::Method;
use serde_json::{Value, json};
use xtask::stack::{Stack, wait};

/// The mount of today, and that of the tenant era.
pub(crate) const MOUNTS: [&str; 2] = ["/orgs/default/api/v1", "/t/default/api/v1"];
/// The one that is used where both are the same.
pub(crate) const BASE: &str = MOUNTS[0];

pub(crate) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The directory as its administrator and its agents see it.
pub(crate) struct Organisation<'s> {
    /// What it runs in.
    pub(crate) stack: &'s Stack,
    key: Mutex<String>,
    secrets: Mutex<Vec<String>>,
    refusals: Mutex<Vec<String>>,
}

/// An agent, as its own program knows it.
#[derive(Clone)]
pub(crate) struct Agent {
    /// Its name at the token endpoint.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: String,
    /// The agent as the administrator was told of it, its secret taken out.
    pub(crate) facts: Value,
}

/// An MCP server that tokens are had for.
pub(crate) struct Target {
    /// `mcp_…`.
    pub(crate) id: String,
    /// Its https id.
    pub(crate) uri: String,
    /// Its other name.
    pub(crate) alias: String,
    /// What it introspects with.
    pub(crate) secret: String,
}

impl<'s> Organisation<'s> {
    /// That of a running stack.
    pub(crate) fn of(stack: &'s Stack) -> Self {
        let run = stack.run();
        assert_eq!(run.organisation.as_deref(), Some("default"), "{run:?}");
        let key = run.admin_key.unwrap_or_else(|| panic!("this stack has no directory"));
        assert!(key.starts_with("lmk_"), "the admin key has another form");
        let secrets = Mutex::new(vec![key.clone()]);
        Self { stack, key: Mutex::new(key), secrets, refusals: Mutex::default() }
    }

    /// `iss` of every token.
    pub(crate) fn issuer(&self) -> String {
        format!("{}{BASE}", self.stack.gateway())
    }

    /// The admin key of now.
    pub(crate) fn key(&self) -> String {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From here on, this one.
    pub(crate) fn change_key(&self, key: &str) {
        self.remember(key);
        key.clone_into(&mut self.key.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes a secret or a token; nothing else may.
    pub(crate) fn remember(&self, secret: &str) {
        assert!(secret.len() >= 16, "{secret:?} is no secret");
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
    }

    /// All secrets and tokens so far.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was answered to those who were refused.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Any request of the identity API: `path` begins with a mount.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = body.map(Value::to_string);
        let answer =
            Caller::new(self.stack.gateway(), None).send(method, path, body.as_deref(), headers).await;
        self.note(answer)
    }

    /// The same with a token, below today's mount.
    pub(crate) async fn with(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send(method, &format!("{BASE}/{path}"), body, &[("Authorization", &bearer)]).await
    }

    /// A form at one of OAuth's endpoints.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let spelled: Vec<String> =
            fields.iter().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
        let client = wait::client().unwrap_or_else(|fault| panic!("{fault}"));
        let mut request = client
            .post(format!("{}{path}", self.stack.gateway()))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(spelled.join("&"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap_or_else(|cause| panic!("{path}: {cause}"));
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap_or_else(|cause| panic!("{path}: {cause}"));
        self.note(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text })
    }

    fn note(&self, answer: Answer) -> Answer {
        if answer.status.is_client_error() || answer.status.is_server_error() {
            let said = format!("{:?} {}", answer.headers, answer.text);
            self.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        } else if let Some(token) = answer.body["access_token"].as_str() {
            self.remember(token);
        }
        answer
    }

    /// A call of the admin API with the key.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, &format!("{BASE}/admin/{path}"), body, &[("X-API-Key", &self.key())]).await
    }

    /// A new agent.
    pub(crate) async fn agent(&self, name: &str, fields: Value) -> Agent {
        let mut wanted = json!({"name": name, "capabilities": ["read:documents", "mcp:financial"]});
        for (key, value) in fields.as_object().into_iter().flatten() {
            wanted[key] = value.clone();
        }
        let made = self.admin(Method::POST, "agents", Some(&wanted)).await;
        let mut facts = made.must_be(201)["data"].clone();
        let word = |key: &str| facts[key].as_str().unwrap_or_else(|| panic!("no {key}: {facts}")).to_owned();
        let (id, secret) = (word("clientId"), word("clientSecret"));
        self.remember(&secret);
        facts.as_object_mut().expect("an object").remove("clientSecret");
        Agent { id, secret, facts }
    }

    /// A new target with these names.
    pub(crate) async fn target(&self, slug: &str, capability: &str) -> Target {
        let (uri, alias) = (format!("https://mcp.example.com/{slug}"), format!("urn:mcp:{slug}"));
        let wanted = json!({"name": slug, "slug": slug, "resource_uri": uri, "aliases": [alias],
            "required_capability": capability, "scopes_supported": [capability]});
        let made = self.admin(Method::POST, "mcp/servers", Some(&wanted)).await;
        let data = &made.must_be(201)["data"];
        let word = |key: &str| data[key].as_str().unwrap_or_else(|| panic!("no {key}: {data}")).to_owned();
        let secret = word("introspectionSecret");
        self.remember(&secret);
        Target { id: word("id"), uri, alias, secret }
    }

    /// Whatever the token endpoint says to this secret.
    pub(crate) async fn try_to_sign_in(&self, id: &str, secret: &str) -> Answer {
        let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        self.form(&format!("{BASE}/oauth/token"), &fields, &[]).await
    }

    /// A base token.
    pub(crate) async fn sign_in(&self, agent: &Agent) -> String {
        token_of(&self.try_to_sign_in(&agent.id, &agent.secret).await)
    }

    /// An exchange as the package makes it: no client authentication, the token is the only credential.
    pub(crate) async fn exchange(&self, token: &str, names: &[(&str, &str)]) -> Answer {
        let mut fields =
            vec![("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
        fields.extend(names);
        self.form(&format!("{BASE}/oauth/token"), &fields, &[]).await
    }

    /// What the registry answers to this token.
    pub(crate) async fn registry(&self, token: &str) -> Answer {
        Caller::new(self.stack.gateway(), Some(token.to_owned())).get("/api/agents").await
    }
}

/// The token of an answer that gives one.
#[track_caller]
pub(crate) fn token_of(answer: &Answer) -> String {
    let token = answer.must_be(200)["access_token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("no access_token: {answer:?}"))
}

/// Checks a refusal in OAuth's form.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, error: &str) {
    answer.must_be(status);
    assert_eq!(answer.body["error"], error, "{answer:?}");
    assert!(answer.body["error_description"].is_string(), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
}

/// Checks a refusal in the form of everything else.
#[track_caller]
pub(crate) fn refused_plainly(answer: &Answer, status: u16) {
    answer.must_be(status);
    assert_eq!(answer.body["status"], status, "{answer:?}");
    assert!(answer.body["message"].is_string(), "{answer:?}");
    assert!(answer.body["code"].is_string() && answer.body["error"] == answer.body["code"], "{answer:?}");
}

/// As a form spells it.
fn escaped(value: &str) -> String {
    let spell = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(spell).collect()
}
