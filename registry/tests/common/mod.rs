//! A real registry in this process: real policy, real store, real seal; only the
//! embedder is a deterministic one, and the clock stands where a test puts it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use access::identity::{self, IdentityClaims};
use access::{LivePolicy, Policy, Principal};
use boot::audit::Audit;
use catalog::{AgentEntry, CardRules, ServerEntry};
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, Request, Response};
use registry::agents::EndpointRules;
use registry::indexing::Index;
use registry::keyring::KeyFile;
use registry::servers::Health;
use registry::{App, Exchange, Followers, Gateway, Metrics, Seal, UpstreamRules, Upstreams, endpoint};
use search::{Embedder, HashedWords};
use serde_json::Value;
use store::file::{FileStore, Folder};
use store::{EntryStore as _, HistoryLimits};
use token::{Clock, KeySet, LocalKeys, Signer, SigningAlgorithm, key_set};

/// 2025-11-09T10:30:00Z, the guide's own time.
pub const NOW: u64 = 1_762_684_200;

/// The policy that is shipped.
pub const SHIPPED: &str = include_str!("../../../deploy/scopes.yml");

/// Callers of the shipped policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// No identity at all.
    Nobody,
    /// Groups that nobody maps.
    Stranger,
    /// The guide's service account.
    Guide,
    /// A holder of mcp-registry-admin.
    Admin,
    /// Line of business 1.
    Lob1,
    /// Line of business 2.
    Lob2,
}

impl Role {
    pub fn username(self) -> &'static str {
        match self {
            Role::Nobody => "",
            Role::Stranger => "stranger-bot",
            Role::Guide => "service-account-mcp-gateway-m2m",
            Role::Admin => "registry-admin",
            Role::Lob1 => "lob1-bot",
            Role::Lob2 => "lob2-bot",
        }
    }

    fn groups(self) -> &'static [&'static str] {
        match self {
            Role::Nobody => &[],
            Role::Stranger => &["visitors"],
            Role::Guide => &["mcp-servers-unrestricted", "a2a-agent-admin"],
            Role::Admin => &["mcp-registry-admin"],
            Role::Lob1 => &["registry-users-lob1"],
            Role::Lob2 => &["registry-users-lob2"],
        }
    }
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|fault| panic!("no JSON ({fault}): {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Answer {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

pub struct World {
    pub app: Arc<App>,
    pub signer: Signer,
    pub clock: Arc<AtomicU64>,
    endpoint: BoxEndpoint<'static, Response>,
    document: Value,
    folder: Arc<tempfile::TempDir>,
}

impl World {
    pub fn new() -> World {
        World::with(|_| {})
    }

    /// A registry with something changed before it starts.
    pub fn with(change: impl FnOnce(&mut App)) -> World {
        World::remembering(HistoryLimits::default(), change)
    }

    /// A registry whose model is still being loaded; [`Index::build`] brings one.
    pub fn without_model() -> World {
        World::on(Arc::new(tempfile::tempdir().expect("a folder")), HistoryLimits::default(), None, |_| {})
    }

    /// A registry that remembers so many changes.
    pub fn remembering(limits: HistoryLimits, change: impl FnOnce(&mut App)) -> World {
        World::on(Arc::new(tempfile::tempdir().expect("a folder")), limits, words(), change)
    }

    fn on(
        folder: Arc<tempfile::TempDir>,
        limits: HistoryLimits,
        embedder: Option<Arc<dyn Embedder>>,
        change: impl FnOnce(&mut App),
    ) -> World {
        let (signer, _) = Signer::generate(SigningAlgorithm::EdDsa).expect("a key");
        let keys = KeySet::parse(key_set([&signer]).as_bytes()).expect("a key set");
        let hands = Arc::new(AtomicU64::new(NOW));
        let told = hands.clone();
        let clock: Clock = Arc::new(move || told.load(Ordering::SeqCst));
        let kept = Folder::lock(folder.path()).expect("a folder of one's own");
        let store = FileStore::<AgentEntry>::open(&kept, clock.clone(), limits).expect("a store");
        let servers = FileStore::<ServerEntry>::open(&kept, clock.clone(), limits).expect("a store");
        let key = KeyFile::Beside(folder.path().to_owned());
        let keyring = key.open(servers.catalogue().iter().map(|server| &**server)).expect("a key");
        let (store, servers) = (Arc::new(store), Arc::new(servers));
        let index = Index::new(store.clone(), servers.clone(), Some(folder.path().join("vectors.bin")));
        embedder.into_iter().for_each(|embedder| index.build(embedder));
        let mut app = App {
            policy: LivePolicy::new(Policy::parse(SHIPPED).expect("the shipped policy"), false, NOW),
            audit: Audit::default(),
            metrics: Metrics::default(),
            followers: Followers::default(),
            store,
            servers,
            index,
            max_lag: None,
            seal: Seal::new(Arc::new(LocalKeys::new(keys)), false),
            exchange: Exchange::new(None, "http://localhost:8080", clock.clone()).expect("a client"),
            upstreams: Upstreams::new(UpstreamRules::default()).expect("a client"),
            gateway: Gateway::default(),
            health: Health::new(Duration::from_secs(300), Arc::new(|| 0.5)),
            keyring,
            rules: CardRules::default(),
            endpoints: EndpointRules { allow_private: true },
            public_url: "http://localhost:8080".into(),
            clock,
        };
        change(&mut app);
        let app = Arc::new(app);
        let document = serde_json::from_str(&registry::openapi_document(&app)).expect("JSON");
        World { endpoint: endpoint(&app), document, app, signer, clock: hands, folder }
    }

    /// The same state, opened by a new process.
    pub fn restarted(self) -> World {
        self.restarted_with(words())
    }

    /// The same with this model.
    pub fn restarted_with(self, embedder: Option<Arc<dyn Embedder>>) -> World {
        let folder = self.folder.clone();
        drop(self);
        World::on(folder, HistoryLimits::default(), embedder, |_| {})
    }

    /// The same, after something was done with its state while it was stopped.
    pub fn stopped(self, act: impl FnOnce(&Path)) -> World {
        let folder = self.folder.clone();
        drop(self);
        act(folder.path());
        World::on(folder, HistoryLimits::default(), words(), |_| {})
    }

    /// Where the state is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn principal(&self, role: Role) -> Principal {
        Principal {
            username: role.username().into(),
            client_id: Some(role.username().into()),
            groups: role.groups().iter().map(|group| (*group).to_owned()).collect(),
            scopes: self.app.policy.current().scopes_for(role.groups()),
            narrowed: false,
        }
    }

    /// What the auth-server would seal for a role; a test may spoil it.
    pub fn claims(&self, role: Role) -> IdentityClaims {
        let now = self.clock.load(Ordering::SeqCst);
        IdentityClaims::new(
            &self.principal(role),
            "sub",
            self.app.policy.current().version(),
            now,
            now + 60,
            "jti".into(),
        )
    }

    pub fn seal(&self, claims: &IdentityClaims) -> String {
        self.signer.sign(identity::TYPE, claims).expect("signed")
    }

    pub async fn send(&self, request: Request) -> Answer {
        let (method, path) =
            (request.method().to_string(), request.uri().path().replace("/servers/register", "/servers"));
        let answer = self.answer(request).await;
        self.assert_documented(&method, &path, &answer);
        answer
    }

    /// Every status a test sees must stand in the document of its operation; what has no
    /// operation is refused as such.
    fn assert_documented(&self, method: &str, path: &str, answer: &Answer) {
        let fits = |template: &str| {
            let (folder, about): (_, &[&str]) = match template.starts_with("/api/servers/") {
                true => ("/api/servers/", &["/toggle", "/history", "/tools", "/health"]),
                false => ("/api/agents/", &["/toggle", "/history"]),
            };
            let rest = template.strip_prefix(&format!("{folder}{{path}}")).map(|suffix| {
                let agent = path.strip_prefix(folder).and_then(|agent| agent.strip_suffix(suffix));
                agent.is_some_and(|agent| about.iter().all(|last| suffix == *last || !agent.ends_with(last)))
            });
            template == path || rest.unwrap_or(false)
        };
        let paths = self.document["paths"].as_object().expect("paths");
        let item = paths
            .get(path)
            .or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item));
        let status = answer.status.as_str();
        match item.and_then(|item| item.get(method.to_lowercase())) {
            Some(operation) => {
                assert!(
                    operation["responses"].get(status).is_some(),
                    "{method} {path}: {status} is not documented"
                );
            }
            None => assert!(
                matches!(status, "200" | "400" | "404" | "405"),
                "{method} {path} is no operation and answered {status}"
            ),
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        let mut response = self.respond(request).await;
        let text = response.take_body().into_string().await.expect("a body");
        Answer { status: response.status(), headers: response.headers().clone(), text }
    }

    /// The answer as it begins: its body may have no end.
    pub async fn respond(&self, request: Request) -> Response {
        self.endpoint.get_response(request).await
    }

    /// A request of a role; a body is JSON.
    pub async fn ask(&self, role: Role, method: &str, target: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).expect("a method"));
        request = request.uri(target.parse().expect("a target"));
        if role != Role::Nobody {
            request = request.header(identity::SEALED, self.seal(&self.claims(role)));
        }
        let request = match body {
            Some(body) => request.content_type("application/json").body(body.to_string()),
            None => request.finish(),
        };
        self.send(request).await
    }

    /// Registers and enables a card.
    pub async fn publish(&self, role: Role, card: Value) {
        let path =
            self.ask(role, "POST", "/api/agents/register", Some(card)).await.is(201).json()["path"].clone();
        let path = path.as_str().expect("a path").trim_start_matches('/').replace('/', "%2F");
        self.ask(role, "POST", &format!("/api/agents/{path}/toggle?enabled=true"), None).await.is(200);
    }
}

/// An embedder that knows spelling alone.
pub fn words() -> Option<Arc<dyn Embedder>> {
    Some(Arc::new(HashedWords::new(256)))
}

/// A small right card.
pub fn card(path: &str, name: &str, description: &str) -> Value {
    serde_json::json!({"path": path, "name": name, "description": description, "url": "https://agents.example.com/x"})
}
