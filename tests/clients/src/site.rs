//! The stack the packages talk to, what its administrator does, and what must never be found in its logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use xtask::stack::{Stack, StackOptions, build, wait};
use xtask::{files, setup};

/// A stack, as its organisation's administrator has it.
pub struct Site {
    stack: Stack,
    base: String,
    key: String,
    secrets: Mutex<Vec<String>>,
}

/// An agent of the directory.
#[derive(Clone)]
pub struct Agent {
    /// `agt_…`
    pub id: String,
    /// `ags_…`
    pub secret: String,
}

/// An MCP server that tokens are issued for.
pub struct Target {
    /// `mcp_…`
    pub id: String,
    /// What it asks about tokens with.
    pub secret: String,
    /// Its https id.
    pub uri: String,
}

impl Site {
    /// The one that all tests of a program share, with the agent and the targets of `make run`.
    ///
    /// # Errors
    /// One line that says what this machine lacks for it.
    ///
    /// # Panics
    /// When it could start and does not.
    pub async fn get() -> Result<&'static Self, String> {
        static SITE: OnceCell<Result<Site, String>> = OnceCell::const_new();
        SITE.get_or_init(|| Self::start("site")).await.as_ref().map_err(Clone::clone)
    }

    /// Another one, whose tokens are those of a stranger.
    ///
    /// # Errors
    /// As above.
    ///
    /// # Panics
    /// When it could start and does not.
    pub async fn start(name: &str) -> Result<Self, String> {
        Self::start_with(name, |options| options.seed = true).await
    }

    /// One that is adjusted before it starts.
    ///
    /// # Errors
    /// As above.
    ///
    /// # Panics
    /// When it could start and does not.
    pub async fn start_with(name: &str, adjust: impl FnOnce(&mut StackOptions)) -> Result<Self, String> {
        // Once: what one program tests is one state of the tree.
        static BINARIES: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        setup::nginx().map_err(|fault| fault.to_string())?;
        let binaries =
            BINARIES.get_or_init(|| build::servers(build::Profile::Dev).map_err(|fault| fault.to_string()));
        let binaries = binaries.clone().unwrap_or_else(|fault| panic!("{fault}"));
        // Without the model, unless somebody searches.
        let mut options = StackOptions::new(folder(name), binaries);
        adjust(&mut options);
        let stack = Stack::start(options).await.unwrap_or_else(|fault| panic!("it does not start: {fault}"));
        let run = stack.run();
        let key = run.admin_key.unwrap_or_else(|| panic!("run.json names no admin_key"));
        let organisation = run.organisation.unwrap_or_else(|| panic!("run.json names no organisation"));
        let base = format!("{}/orgs/{organisation}/api/v1", stack.gateway());
        let site = Self { stack, base, secrets: Mutex::default(), key };
        site.keep(&site.key);
        Ok(site)
    }

    /// The agent that `make run` makes.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn demo_agent(&self) -> Agent {
        let demo = self.stack.run().demo_agent.unwrap_or_else(|| panic!("run.json names no demo_agent"));
        self.keep(&demo.client_secret);
        Agent { id: demo.client_id, secret: demo.client_secret }
    }

    /// The name of the tokens' issuer, and the base of the identity API.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.base.clone()
    }

    /// Where callers reach it.
    #[must_use]
    pub fn gateway(&self) -> String {
        self.stack.gateway()
    }

    /// A token of one of the stack's clients.
    ///
    /// # Panics
    /// When there is none to be had.
    pub async fn token(&self, client: &str) -> String {
        let token = self.stack.token(client).await;
        let token = token.unwrap_or_else(|fault| panic!("{client} cannot sign in: {fault}"));
        self.keep(&token);
        token
    }

    /// The secret of one of the stack's clients.
    ///
    /// # Panics
    /// When there is no such client.
    #[must_use]
    pub fn secret(&self, client: &str) -> String {
        let mut clients = self.stack.run().clients;
        let secret = clients.remove(client).unwrap_or_else(|| panic!("there is no client {client:?}")).secret;
        self.keep(&secret);
        secret
    }

    /// Any request at the gateway, with this token.
    pub fn ask(&self, method: Method, path: &str, token: Option<&str>) -> reqwest::RequestBuilder {
        let request = client().request(method, format!("{}{path}", self.gateway()));
        token.into_iter().fold(request, |request, token| request.bearer_auth(token))
    }

    /// What a program of this agent finds in its environment: what the guides and the package's own pages say.
    #[must_use]
    pub fn environment(&self, agent: &Agent) -> Vec<(&'static str, String)> {
        let organisation = self.stack.run().organisation.unwrap_or_default();
        vec![
            ("LUMOAUTH_URL", self.stack.gateway()),
            ("LUMOAUTH_ORG_ID", organisation.clone()),
            ("LUMOAUTH_TENANT", organisation),
            ("AGENT_CLIENT_ID", agent.id.clone()),
            ("AGENT_CLIENT_SECRET", agent.secret.clone()),
        ]
    }

    /// The same of somebody who has no agent, and the organisation's key in place of one.
    #[must_use]
    pub fn environment_of_the_key(&self) -> Vec<(&'static str, String)> {
        let nobody = Agent { id: "agt_nobody".to_owned(), secret: "none".to_owned() };
        let mut environment = self.environment(&nobody);
        environment.push(("LUMOAUTH_API_KEY", self.key.clone()));
        environment
    }

    /// Makes an agent; `more` is what else its record says.
    pub async fn agent(&self, name: &str, capabilities: &[&str], more: Value) -> Agent {
        let mut body = json!({"name": name, "slug": name, "capabilities": capabilities});
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let made = self.admin(Method::POST, "agents", Some(body), 201).await;
        let agent = Agent { id: text(&made["clientId"]), secret: text(&made["clientSecret"]) };
        self.keep(&agent.secret);
        agent
    }

    /// Makes a target; `more` is what else its record says.
    pub async fn target(&self, slug: &str, more: Value) -> Target {
        let uri = format!("https://mcp.example.com/{slug}");
        let mut body = json!({"name": slug, "slug": slug, "resource_uri": uri});
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let made = self.admin(Method::POST, "mcp/servers", Some(body), 201).await;
        let secret = text(&made["introspectionSecret"]);
        self.keep(&secret);
        Target { id: text(&made["id"]), secret, uri }
    }

    /// What the administrator does with the organisation's key; the `data` of the answer.
    ///
    /// # Panics
    /// When the answer has another status.
    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let mut request = client().request(method, format!("{}/admin/{path}", self.base));
        request = request.header("X-API-Key", &self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let (found, answer) = send(request).await;
        assert_eq!(found.as_u16(), status, "admin/{path}: {answer}");
        answer["data"].clone()
    }

    /// A request of somebody without the package: a form, below the base; status and body.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let body = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let request = client().post(format!("{}{path}", self.base));
        send(request.header("Content-Type", "application/x-www-form-urlencoded").body(body)).await
    }

    /// Any other request, below the base.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        client().request(method, format!("{}{path}", self.base))
    }

    /// Remembers what must never be found in a log. Of a token that is its signature: what comes before it
    /// opens nothing.
    pub fn keep(&self, secret: &str) {
        let telling = match secret.rsplit_once('.') {
            Some((_, signature)) => signature,
            // What stands before is the kind of the secret, and of an agent's the number of the key.
            None if secret.starts_with("ags_") => secret.splitn(3, '_').nth(2).unwrap_or(secret),
            None => secret.split_once('_').map_or(secret, |(_, random)| random),
        };
        assert!(telling.len() >= 16, "{} characters are no secret", telling.len());
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(telling.to_owned());
    }

    /// Fails when a secret or a token that was used so far stands in any file of the stack, but for those that
    /// are there to keep it.
    ///
    /// # Panics
    /// When one does, or when there is nothing to look at.
    #[track_caller]
    pub fn is_silent(&self) {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let files = files_below(self.stack.data());
        let logs = files.iter().filter(|file| file.extension().is_some_and(|end| end == "log")).count();
        assert!(logs >= 3, "where are the logs? {files:?}");
        for file in files.iter().filter(|file| !keeps_secrets(self.stack.data(), file)) {
            let text = fs::read(file).unwrap_or_default();
            let found = secrets.iter().position(|secret| contains(&text, secret.as_bytes()));
            // Which one it is is not printed: that would be the next log it stands in.
            assert_eq!(found, None, "a secret stands in {}", file.display());
        }
    }
}

/// What is there to be read by scripts, or is the key's only place.
fn keeps_secrets(data: &Path, file: &Path) -> bool {
    let name = file.strip_prefix(data).unwrap_or(file);
    ["run.json", "demo-agent.json", "secrets.json", "auth-server/admin_key"]
        .iter()
        .any(|known| name == Path::new(known))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files_below(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
    found
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// One for each request: a connection that is kept belongs to the runtime of one test, and ends with it.
fn client() -> reqwest::Client {
    wait::client().unwrap_or_else(|fault| panic!("{fault}"))
}

/// The answer's status and body, as JSON or as text.
///
/// # Panics
/// When nobody answers.
pub async fn send(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap_or_else(|cause| panic!("nobody answers: {cause}"));
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

const PREFIX: &str = "agent-registry-clients-";

/// A folder for this test program. A static is never dropped, so what earlier programs left behind is taken
/// away by the next one.
pub(crate) fn folder(name: &str) -> PathBuf {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let owner = file.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let made = files::temporary(&format!("{PREFIX}{}-{name}-", std::process::id()));
    made.map(TempDir::keep).unwrap_or_else(|fault| panic!("{fault}"))
}
