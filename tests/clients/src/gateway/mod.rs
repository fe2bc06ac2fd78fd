//! The MCP gateway, servers of real packages behind it, and clients of real packages before it.

mod program;
mod server;

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use xtask::model;

pub use self::program::{Era, Outcomes, Program};
pub use self::server::{Arrived, Served};
use crate::site::{Site, send};
use crate::{Node, Python, python, skipped};

/// The servers: the path each is registered at, the program, its kind, and how it is talked to.
const SERVERS: [(&str, &str, &str, &str); 4] = [
    ("sessions", "mcp_server.py", "sessions", "streamable-http"),
    ("json", "mcp_server.py", "json", "streamable-http"),
    ("stateless", "fastmcp_server.py", "stateless", "streamable-http"),
    ("old", "mcp_server.py", "sse", "sse"),
];
/// Who may call everything, and somebody else who may.
pub const CALLERS: [&str; 2] = ["caller", "second-caller"];
/// Who may call `echo` of some servers.
pub const ECHOER: &str = "echoer";
/// Who sees one server and one agent.
pub const SEEKER: &str = "seeker";
/// Who may call `echo` of `currenttime` alone.
pub const LOB1: &str = "lob1-bot";
/// Whose groups nobody maps.
pub const STRANGER: &str = "stranger-bot";
/// Who registers.
pub const ADMIN: &str = "registry-admin";
/// The header that every server wants to see.
pub const KEY: &str = "x-upstream-key";

/// Everything, started once for a test program.
pub struct Ground {
    /// The stack.
    pub site: Site,
    python: &'static Python,
    node: &'static Node,
    servers: BTreeMap<&'static str, Served>,
    /// What the gateway says to every server in the header `KEY`, and nobody else may learn.
    pub key: String,
    /// Whether the registry can search by meaning.
    pub searches: bool,
}

impl Ground {
    /// The one that all tests of a program share; none, said loudly, when this machine cannot have it.
    ///
    /// # Panics
    /// With `E2E_NO_SKIP=1` when it cannot, and when the stack does not start.
    pub async fn get() -> Option<&'static Self> {
        static GROUND: OnceCell<Result<Ground, String>> = OnceCell::const_new();
        GROUND.get_or_init(Self::start).await.as_ref().map_err(|reason| skipped(reason)).ok()
    }

    async fn start() -> Result<Self, String> {
        // The packages first: they take a minute once, and the stack would idle.
        let (python, node) = (python::with_mcp()?, Node::get()?);
        let model = model::present(&[xtask::root().join("data/model")]);
        let searches = model.is_some();
        let site = Site::start_with("gateway", |options| {
            options.policy = python::ours("mcp/scopes.yml");
            options.model = model;
            let everything = || vec!["mcp-servers-unrestricted".to_owned()];
            let callers = CALLERS.map(|name| (name.to_owned(), everything()));
            let others = [(ECHOER, "echo-only"), (SEEKER, "seeker")];
            let others = others.map(|(name, group)| (name.to_owned(), vec![group.to_owned()]));
            options.extra_clients = callers.into_iter().chain(others).collect();
        });
        let site = site.await?;
        let key = xtask::files::secret().map_err(|fault| fault.to_string())?;
        site.keep(&key);
        let servers = SERVERS.map(|(name, program, kind, _)| (name, Served::start(python, program, kind)));
        let ground = Self { site, python, node, servers: servers.into(), key, searches };
        for (name, _, _, transport) in SERVERS {
            let transports = json!([transport]);
            ground
                .register(name, &ground.server(name).url, json!({"supported_transports": transports}))
                .await;
        }
        // The same server under a name that a policy knows.
        ground.register("currenttime", &ground.server("sessions").url, json!({})).await;
        Ok(ground)
    }

    /// One more server, for one test.
    #[must_use]
    pub fn serve(&self, program: &str, kind: &str) -> Served {
        Served::start(self.python, program, kind)
    }

    /// The Python with the MCP packages.
    #[must_use]
    pub fn python(&self) -> &'static Python {
        self.python
    }

    /// A server of ours.
    ///
    /// # Panics
    /// When there is none of this name.
    #[must_use]
    pub fn server(&self, name: &str) -> &Served {
        self.servers.get(name).unwrap_or_else(|| panic!("there is no server {name:?}"))
    }

    /// Both addresses of a server behind the gateway.
    #[must_use]
    pub fn addresses(&self, name: &str) -> [String; 2] {
        let gateway = self.site.gateway();
        let sse = SERVERS.iter().any(|(known, _, _, transport)| *known == name && *transport == "sse");
        match sse {
            false => [format!("{gateway}/mcp/{name}"), format!("{gateway}/{name}/mcp")],
            true => [format!("{gateway}/mcp/{name}/sse"), format!("{gateway}/{name}/sse")],
        }
    }

    /// Registers and enables a server; `more` is what else its card says.
    ///
    /// # Panics
    /// When either is refused.
    pub async fn register(&self, name: &str, url: &str, more: Value) {
        let mut card = json!({"server_name": name, "description": "A server of the gateway's tests",
            "path": format!("/{name}"), "proxy_pass_url": url, "tags": ["test"], "headers": {KEY: self.key}});
        for (key, value) in more.as_object().into_iter().flatten() {
            card[key] = value.clone();
        }
        let (status, said) = self.admin(Method::POST, "/api/servers", Some(card)).await;
        assert_eq!(status, StatusCode::CREATED, "{name}: {said}");
        self.toggle(name, true).await;
    }

    /// Lets the gateway know a server, or not.
    ///
    /// # Panics
    /// When that is refused.
    pub async fn toggle(&self, name: &str, enabled: bool) {
        let path = format!("/api/servers/{name}/toggle");
        let (status, said) = self.admin(Method::POST, &path, Some(json!({"enabled": enabled}))).await;
        assert_eq!(status, StatusCode::OK, "{name}: {said}");
    }

    /// A request of the registry's administrator; status and body.
    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let token = self.site.token(ADMIN).await;
        let request = self.site.ask(method, path, Some(&token));
        send(body.into_iter().fold(request, |request, body| request.json(&body))).await
    }

    /// Plays these scenarios at this address with a client of a real package.
    #[must_use]
    pub fn play(&self, program: &Program, url: &str, scenarios: &[&str]) -> Outcomes {
        program.play(self.python, self.node, url, scenarios)
    }
}
