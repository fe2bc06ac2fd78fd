//! One auth-server, and what can be asked of it past any gateway.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use e2e::{Answer, Caller, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const BASE: &str = "/orgs/default/api/v1";
/// The MCP server that tokens are exchanged for.
const TARGET: &str = "urn:mcp:financial-data";

/// How old what a server knows may be, in seconds.
const MAX_LAG: &str = "2";

/// What a server is started with.
pub(crate) struct Place {
    pub(crate) program: PathBuf,
    pub(crate) folder: PathBuf,
    /// The file with the database's address.
    pub(crate) database: PathBuf,
    pub(crate) clients: PathBuf,
}

impl Place {
    /// Its state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }
}

/// A running server, ended when dropped.
pub(crate) struct AuthServer {
    pub(crate) place: Place,
    process: Child,
    caller: Caller,
}

/// An agent, as its own program knows it.
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl AuthServer {
    pub(crate) async fn start(place: Place) -> AuthServer {
        let ready = place.folder.join("ready.json");
        let log = File::create(place.folder.join("log")).expect("the folder is ours");
        let process = Command::new(&place.program)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--public-url", "http://gateway.test", "--store", "postgres", "--migrate"])
            .args(["--max-lag", MAX_LAG])
            .arg("--policy")
            .arg(xtask::root().join("deploy/scopes.yml"))
            .arg("--state")
            .arg(place.state())
            .arg("--clients")
            .arg(&place.clients)
            .arg("--database-url-file")
            .arg(&place.database)
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut server = AuthServer { place, process, caller: Caller::new(String::new(), None) };
        let said = eventually("the auth-server listens", async || {
            let ended = server.process.try_wait().expect("it is our child");
            assert!(ended.is_none(), "it ended: {ended:?}: {}", server.log());
            // It is written whole.
            std::fs::read(&ready).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        })
        .await;
        server.caller = Caller::new(said["url"].as_str().expect("an address").to_owned(), None);
        server
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.folder.join("log")).expect("it writes one")
    }

    /// The organisation's key, where this server made or replaced it last.
    pub(crate) fn key(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.place.state().join("admin_key")).ok()?;
        Some(text.trim().to_owned())
    }

    /// A call of the admin API with this key.
    pub(crate) async fn admin(&self, key: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, &format!("{BASE}/admin/{path}"), body, &[("X-API-Key", key)]).await
    }

    /// A call of an agent's.
    pub(crate) async fn with(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send(method, &format!("{BASE}/{path}"), body, &[("Authorization", &bearer)]).await
    }

    /// A new agent with two capabilities and one group.
    pub(crate) async fn make(&self, key: &str, name: &str) -> Agent {
        let wanted = json!({"name": name, "capabilities": ["read:documents", "mcp:financial"],
            "groups": ["registry-users-lob1"]});
        let made = self.admin(key, Method::POST, "agents", Some(&wanted)).await;
        let data = &made.must_be(201)["data"];
        let word = |name: &str| data[name].as_str().unwrap_or_else(|| panic!("no {name}: {data}")).to_owned();
        Agent { id: word("clientId"), secret: word("clientSecret") }
    }

    /// The MCP server that asks for `mcp:financial`.
    pub(crate) async fn make_target(&self, key: &str) {
        let wanted = json!({"name": "Financial data", "resource_uri": "https://mcp.example.com/financial-data",
            "aliases": [TARGET], "required_capability": "mcp:financial"});
        self.admin(key, Method::POST, "mcp/servers", Some(&wanted)).await.must_be(201);
    }

    /// Any request to the token endpoint and those beside it.
    pub(crate) async fn oauth(&self, call: &str, fields: &Value, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, &format!("{BASE}/oauth/{call}"), Some(fields), headers).await
    }

    pub(crate) async fn sign_in(&self, id: &str, secret: &str) -> Answer {
        let fields = json!({"grant_type": "client_credentials", "client_id": id, "client_secret": secret});
        self.oauth("token", &fields, &[]).await
    }

    /// A token of its own for the agent.
    pub(crate) async fn token(&self, agent: &Agent) -> String {
        token_of(&self.sign_in(&agent.id, &agent.secret).await)
    }

    pub(crate) async fn exchange(&self, token: &str) -> Answer {
        let fields = json!({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": token, "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": TARGET});
        self.oauth("token", &fields, &[]).await
    }

    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        self.oauth("revoke", &json!({"token": token}), &[]).await
    }

    pub(crate) async fn introspect(&self, key: &str, token: &str) -> Answer {
        self.oauth("introspect", &json!({"token": token}), &[("X-API-Key", key)]).await
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Answer {
        self.with(token, Method::GET, "oauth/userinfo", None).await
    }

    /// Whether an agent may do this, as it asks itself.
    pub(crate) async fn ask(&self, token: &str, action: &str) -> Answer {
        self.with(token, Method::POST, "agents/ask", Some(&json!({"action": action}))).await
    }

    /// What an agent used in a run.
    pub(crate) async fn report(&self, token: &str, tokens: u64, run_id: &str) -> Answer {
        let used = json!({"tokens": tokens, "run_id": run_id});
        self.with(token, Method::POST, "agents/me/usage", Some(&used)).await
    }

    /// What nginx asks before it lets somebody at the registry.
    pub(crate) async fn validate(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("X-Original-URI", "/api/agents"),
            ("X-Original-Method", "GET"),
        ];
        self.send(Method::GET, "/validate", None, &headers).await
    }

    pub(crate) async fn health(&self) -> Value {
        self.send(Method::GET, "/health", None, &[]).await.must_be(200).clone()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let text = body.map(ToString::to_string);
        self.caller.send(method, path, text.as_deref(), headers).await
    }
}

impl Drop for AuthServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The token of an answer that gives one.
#[track_caller]
pub(crate) fn token_of(answer: &Answer) -> String {
    let token = answer.must_be(200)["access_token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("no access_token: {answer:?}"))
}
