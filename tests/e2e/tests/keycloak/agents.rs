//! Agents whose secrets Keycloak keeps (`auth-server --agents keycloak`): signed in there, named here.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use e2e::forge::claims_of;
use e2e::{Answer, Caller, shared};
use reqwest::Method;
use serde_json::{Value, json};
use xtask::keycloak::{AUDIENCE, Keycloak, REALM};

use super::admin::{Admin, form};
use super::{keycloak, secret, world};

const AGENT: &str = "analyst-agent";
const BASE: &str = "/orgs/default/api/v1";

/// An auth-server of this test's own, ended with it.
struct AuthServer {
    process: Child,
    url: String,
    admin_key: String,
}

impl AuthServer {
    fn start(keycloak: &Keycloak, token_url: &str, folder: &Path) -> Self {
        let file = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("the folder is ours");
            path
        };
        let issuer = json!([{
            "issuer": format!("{}/realms/{REALM}", keycloak.url()), "audiences": [AUDIENCE], "method": "keycloak",
        }]);
        let issuers = file("issuers.yml", issuer.to_string());
        let table = json!({"groups": {
            "registry-users-lob1": ["read:documents", "mcp:financial"], "registry-users-lob2": ["read:documents"],
        }});
        let table = file("table.yml", table.to_string());
        let ready = folder.join("ready.json");
        let log = std::fs::File::create(folder.join("log")).expect("the folder is ours");
        let process = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--agents", "keycloak"])
            .args(["--public-url", "http://gateway.test", "--keycloak-token-url", token_url])
            .arg("--policy")
            .arg(xtask::root().join("deploy/scopes.yml"))
            .arg("--state")
            .arg(folder.join("state"))
            .arg("--issuers")
            .arg(issuers)
            .arg("--keycloak-capabilities")
            .arg(table)
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut server = Self { process, url: String::new(), admin_key: String::new() };
        server.url = server.said(&ready)["url"].as_str().expect("an address").to_owned();
        let key = std::fs::read_to_string(folder.join("state/admin_key")).expect("it was made");
        server.admin_key = key.trim().to_owned();
        server
    }

    /// What it says once its ports are open.
    fn said(&mut self, ready: &Path) -> Value {
        loop {
            if let Ok(bytes) = std::fs::read(ready) {
                return serde_json::from_slice(&bytes).expect("it is written whole");
            }
            let ended = self.process.try_wait().expect("it is our child");
            assert!(ended.is_none(), "it ended: {ended:?}");
            std::thread::yield_now();
        }
    }

    async fn sign_in(&self, client: &str, secret: &str) -> Value {
        let fields = [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret)];
        form(&format!("{}{BASE}/oauth/token", self.url), &fields).await
    }

    async fn exchange(&self, token: &str) -> Value {
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", "urn:mcp:financial-data"),
        ];
        form(&format!("{}{BASE}/oauth/token", self.url), &fields).await
    }

    async fn keep(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let text = body.map(ToString::to_string);
        let nobody = Caller::new(self.url.clone(), None);
        let headers = [("X-API-Key", self.admin_key.as_str())];
        nobody.send(method, &format!("{BASE}/admin{path}"), text.as_deref(), &headers).await
    }
}

impl Drop for AuthServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The auth-server that the stack of these tests runs, too.
fn program() -> PathBuf {
    shared::options().map(|options| options.binaries.join("auth-server")).expect("the stack runs on it")
}

/// A client of the realm that is in one of the groups of the policy.
async fn make_agent(admin: &Admin, group: &str) {
    admin.make_client(REALM, AGENT, &["basic", "profile", "registry"], json!({})).await;
    join(admin, group).await;
}

async fn join(admin: &Admin, group: &str) {
    let (account, group) = (admin.account(REALM, AGENT).await, admin.group(REALM, group).await);
    admin.put(&format!("/{REALM}/users/{account}/groups/{group}"), &json!({})).await;
}

async fn leave(admin: &Admin, group: &str) {
    let (account, group) = (admin.account(REALM, AGENT).await, admin.group(REALM, group).await);
    admin.delete(&format!("/{REALM}/users/{account}/groups/{group}")).await;
}

#[tokio::test]
async fn keycloak_keeps_the_secret_and_its_groups_say_what_an_agent_may_do() {
    let Some((keycloak, _)) = world().await else { return };
    let admin = Admin::of(keycloak);
    make_agent(&admin, "registry-users-lob1").await;
    let folder = shared::folder("keycloak-agents");
    let token_url = format!("{}/realms/{REALM}/protocol/openid-connect/token", keycloak.url());
    let server = AuthServer::start(keycloak, &token_url, &folder);
    let target = json!({
        "name": "Financial data", "resource_uri": "https://mcp.example.com/financial-data",
        "aliases": ["urn:mcp:financial-data"], "required_capability": "mcp:financial",
    });
    server.keep(Method::POST, "/mcp/servers", Some(&target)).await.must_be(201);

    // Signed in: the token is ours, and says what the groups let it do.
    let signed_in = server.sign_in(AGENT, &secret(AGENT)).await;
    let token = signed_in["access_token"].as_str().unwrap_or_else(|| panic!("{signed_in}")).to_owned();
    let claims = claims_of(&token);
    assert_eq!(claims["iss"], "http://gateway.test/orgs/default/api/v1");
    assert_eq!((&claims["client_id"], &claims["groups"]), (&json!(AGENT), &json!(["registry-users-lob1"])));
    let scope = claims["scope"].as_str().unwrap_or_default();
    assert!(scope.starts_with("read:documents mcp:financial "), "{scope}");
    let agent = Caller::new(server.url.clone(), Some(token.clone()));
    let info = agent.get(&format!("{BASE}/oauth/userinfo")).await;
    assert_eq!(info.must_be(200)["capabilities"], json!(["read:documents", "mcp:financial"]));
    let exchanged = server.exchange(&token).await;
    let bound = exchanged["access_token"].as_str().unwrap_or_else(|| panic!("{exchanged}"));
    assert_eq!(claims_of(bound)["aud"][0], "https://mcp.example.com/financial-data");

    // Nobody else is let in, and all of them look alike.
    let wrong = server.sign_in(AGENT, "not its secret").await;
    assert_eq!(wrong["error"], "invalid_client");
    assert_eq!(server.sign_in("nobody-at-all", "not its secret").await, wrong);
    assert_eq!(
        server.sign_in("stranger-bot", &secret("stranger-bot")).await,
        wrong,
        "no group lets it do anything"
    );
    assert_eq!(server.keep(Method::GET, "/agents", None).await.must_be(200)["meta"]["total"], 1);

    // What Keycloak keeps is not changed here; what is kept here is.
    let refused =
        server.keep(Method::PUT, &format!("/agents/{AGENT}/scopes"), Some(&json!({"scopes": []}))).await;
    assert_eq!(refused.must_be(409)["error"], "kept_elsewhere");
    server.keep(Method::POST, &format!("/agents/{AGENT}/rotate-credentials"), None).await.must_be(409);
    let suspended = server.keep(Method::POST, &format!("/agents/{AGENT}/deactivate"), None).await;
    suspended.must_be(200);
    assert_eq!(server.sign_in(AGENT, &secret(AGENT)).await, wrong, "a suspended agent looks like the others");
    assert_eq!(server.exchange(&token).await["error"], "invalid_grant");
    server.keep(Method::POST, &format!("/agents/{AGENT}/activate"), None).await.must_be(200);

    // Another group: what it may do changes with its next sign-in, for the tokens that are about as well.
    leave(&admin, "registry-users-lob1").await;
    join(&admin, "registry-users-lob2").await;
    let again = server.sign_in(AGENT, &secret(AGENT)).await;
    let narrower = claims_of(again["access_token"].as_str().unwrap_or_else(|| panic!("{again}")));
    assert!(!narrower["scope"].as_str().unwrap_or_default().contains("mcp:financial"), "{narrower}");
    assert_eq!(server.exchange(&token).await["error"], "capability_denied");

    let log = std::fs::read_to_string(folder.join("log")).expect("it writes one");
    for hidden in [&*secret(AGENT), &token, bound, &server.admin_key] {
        assert!(!log.contains(hidden), "a secret is in the log");
    }
}

#[tokio::test]
async fn while_keycloak_is_away_nobody_is_refused_as_unknown() {
    if world().await.is_none() {
        return;
    }
    let folder = shared::folder("keycloak-agents-away");
    // Nobody listens on the discard port of loopback.
    let server = AuthServer::start(keycloak(), "http://127.0.0.1:9/token", &folder);
    let nobody = Caller::new(server.url.clone(), None);
    let body = json!({"grant_type": "client_credentials", "client_id": "a", "client_secret": "not-a-secret"});
    let answer = nobody.post_json(&format!("{BASE}/oauth/token"), &body).await;
    assert_eq!(answer.must_be(503)["error"], "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    let log = std::fs::read_to_string(folder.join("log")).expect("it writes one");
    assert!(log.contains("Keycloak cannot be asked") && !log.contains("not-a-secret"), "{log}");
}
