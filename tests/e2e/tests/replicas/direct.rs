//! One registry asked past the gateway, as an administrator: which of them answers is the question here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::forge::{self, Sealer};
use e2e::{Caller, column};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, ETAG};
use serde_json::{Value, json};
use xtask::stack::Stack;

pub(crate) struct Direct {
    http: reqwest::Client,
    url: String,
    sealer: Sealer,
    claims: Value,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) etag: String,
    pub(crate) body: Value,
}

/// Every registry of the stack.
pub(crate) async fn all(stack: &Stack) -> Vec<Arc<Direct>> {
    let admin = Caller::sign_in(stack, "registry-admin").await;
    let auth_server = Caller::new(stack.auth_url(), Some(admin.token().to_owned()));
    let original = [("X-Original-URI", "/api/agents"), ("X-Original-Method", "GET")];
    let genuine = auth_server.send(Method::GET, "/validate", None, &original).await;
    let genuine = genuine.header("x-identity");
    let (kid, claims) = (forge::kid_of(genuine), forge::claims_of(genuine));
    let file = stack.data().join("auth-server/identity.eddsa.pk8");
    let direct = |url| {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build();
        let (http, sealer) = (http.expect("a client"), Sealer::of(&file, &kid));
        Arc::new(Direct { http, url, sealer, claims: claims.clone() })
    };
    stack.registry_urls().into_iter().map(direct).collect()
}

impl Direct {
    /// None when nothing answers: it may be the one that was killed.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Reply> {
        let mut claims = self.claims.clone();
        (claims["iat"], claims["exp"]) = (json!(forge::now()), json!(forge::now() + 60));
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        request = request.header("X-Identity", self.sealer.seal(&claims));
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let etag =
            answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        let text = answer.text().await.ok()?;
        Some(Reply { status, etag, body: serde_json::from_str(&text).unwrap_or_default() })
    }

    /// How old its answers may be, in seconds, as it says.
    pub(crate) async fn lag(&self) -> Option<f64> {
        self.send("GET", "/health", None).await?.body["store"]["lag_seconds"].as_f64()
    }

    /// Registers and enables a card.
    pub(crate) async fn publish(&self, card: &Value) {
        let registered = self.send("POST", "/api/agents/register", Some(card)).await.expect("it answers");
        assert_eq!(registered.status, 201, "{}", registered.body);
        let path = card["path"].as_str().unwrap_or_default();
        let enabled = self.send("POST", &format!("/api/agents{path}/toggle?enabled=true"), None).await;
        assert_eq!(enabled.expect("it answers").status, 200);
    }

    /// Every agent with its tag and its card, what discovery finds, and the latest changes.
    async fn everything(&self) -> Value {
        let mut agents = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = self.must_get(&format!("/api/agents?limit=1000{cursor}")).await;
            for path in column(&page["agents"], "path") {
                let card = self.send("GET", &format!("/api/agents{path}"), None).await.expect("it answers");
                agents.insert(path, json!([card.etag, card.body]));
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let mut found = Vec::new();
        for question in
            ["mends broken bicycles", "translates poems", "speciality of client 3", "anything else"]
        {
            let body = json!({"query": question, "max_results": 50});
            let answer = self.send("POST", "/api/agents/discover/semantic", Some(&body)).await;
            found.push(answer.expect("it answers").body);
        }
        let skills = json!({"skills": ["mend"], "max_results": 100});
        let skills = self.send("POST", "/api/agents/discover", Some(&skills)).await.expect("it answers").body;
        // Near the end: what is longer ago is forgotten while the others still write.
        let last = self.must_get("/api/changes").await["last"].as_u64().unwrap_or_default();
        let since = last.saturating_sub(500);
        let changes = self.must_get(&format!("/api/changes?since={since}&limit=500")).await;
        json!({"agents": agents, "semantic": found, "skills": skills, "changes": changes})
    }

    async fn must_get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, None).await.expect("it answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }
}

/// All say the same, and soon.
pub(crate) async fn must_become_equal(replicas: &[Arc<Direct>]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let first = replicas[0].everything().await;
        let mut differing = None;
        for replica in &replicas[1..] {
            let other = replica.everything().await;
            let parts = ["agents", "semantic", "skills", "changes"];
            differing = differing.or(parts.into_iter().find(|part| other[part] != first[part]));
        }
        let Some(part) = differing else {
            assert!(first["agents"].as_object().is_some_and(|agents| agents.len() > 60));
            assert!(!first["semantic"][0]["agents"].as_array().expect("hits").is_empty());
            return;
        };
        assert!(Instant::now() < deadline, "{part} differ");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
