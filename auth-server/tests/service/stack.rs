//! A server with a provider beside it, and a client that sends bytes as they are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use auth_server::config::{Cli, Config};
use auth_server::{App, Doors, serve, system_random};
use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;
use token::{Signer, SigningAlgorithm, key_set};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Hands, Provider};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const SECRET: &str = "correct horse battery staple";

pub(crate) struct Stack {
    pub(crate) main: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) hands: Hands,
    pub(crate) provider: Provider,
    /// The provider's keys: Ed25519, P-256, RSA.
    pub(crate) signers: Vec<Signer>,
    pub(crate) app: Arc<App>,
    pub(crate) folder: Arc<TempDir>,
}

/// An answer, its header names in lower case.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Stack {
    /// A server whose provider has its keys.
    pub(crate) async fn start() -> Stack {
        let stack = Stack::cold(&[]).await;
        stack.provider.page("/jwks", key_set(&stack.signers));
        stack.app.refresh_keys().await;
        stack
    }

    /// A server with further flags, whose provider has no keys yet.
    pub(crate) async fn cold(flags: &[&str]) -> Stack {
        Stack::over(Arc::new(tempfile::tempdir().unwrap()), Provider::start().await, flags).await
    }

    /// A server over a folder that may hold the state of one before it.
    pub(crate) async fn over(folder: Arc<TempDir>, provider: Provider, flags: &[&str]) -> Stack {
        let files = write_files(folder.path(), &provider.url);
        let mut args: Vec<&str> = vec!["auth-server"];
        args.extend(files.iter().map(String::as_str));
        args.extend(flags);
        let options = Cli::parse_from(args).options;
        let config = Config::load(&options).unwrap();
        let hands = Hands::at(NOW);
        let (listen, admin_listen) = (config.listen, config.admin_listen);
        let app = Arc::new(App::build(config, hands.clock(), system_random()).await.unwrap());
        let doors = Doors::open(listen, admin_listen).await.unwrap();
        let (main, admin) = doors.addresses().unwrap();
        tokio::spawn(serve(doors, Arc::clone(&app), std::future::pending()));
        let signers = [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256, SigningAlgorithm::Rs256]
            .into_iter()
            .map(|algorithm| Signer::generate(algorithm).unwrap().0)
            .collect();
        Stack { main, admin, hands, provider, signers, app, folder }
    }

    /// A token of the provider.
    pub(crate) fn token(&self, changes: Value) -> String {
        self.signers[1].sign("JWT", &claims(changes)).unwrap()
    }

    /// Asks /validate with a bearer token, for a request target of nginx.
    pub(crate) async fn validate(&self, token: &str, uri: &str) -> Answer {
        let head =
            format!("GET /validate HTTP/1.1\r\nx-original-uri: {uri}\r\nauthorization: Bearer {token}\r\n");
        self.send(&head, "").await
    }

    /// Sends a request line and headers (each with its line end) and a body.
    pub(crate) async fn send(&self, head: &str, body: &str) -> Answer {
        send(self.main, head, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\n"), "").await
    }

    /// Asks the embedded issuer for a token, with a form.
    pub(crate) async fn sign_in(&self, form: &str) -> Answer {
        self.post("application/x-www-form-urlencoded", "", form).await
    }

    pub(crate) async fn post(&self, content_type: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!(
            "POST /orgs/default/api/v1/oauth/token HTTP/1.1\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n{headers}"
        );
        self.send(&head, body).await
    }

    /// A counter of the operator's port.
    pub(crate) async fn count(&self, metric: &str) -> u64 {
        let answer = send(self.admin, "GET /metrics HTTP/1.1\r\n", "").await;
        let line = answer.body.lines().find(|line| line.starts_with(metric)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{metric} in {}", answer.body))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }
}

/// The guide's service account; some claims replaced, null takes one away.
pub(crate) fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": "http://idp/realms/mcp-gateway",
        "aud": ["account", "mcp-registry"],
        "exp": NOW + 300,
        "iat": NOW,
        "sub": "user-id-uuid",
        "typ": "Bearer",
        "azp": "mcp-gateway-m2m",
        "client_id": "mcp-gateway-m2m",
        "preferred_username": "service-account-mcp-gateway-m2m",
        "groups": ["mcp-servers-unrestricted", "a2a-agent-admin"],
        "scope": "profile email mcp-registry-admin",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

pub(crate) async fn send(to: SocketAddr, head: &str, body: impl AsRef<[u8]>) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head = format!("{head}host: test\r\nconnection: close\r\n\r\n");
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(&[head.as_bytes(), body.as_ref()].concat()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

/// Writes the configuration into the folder; the flags that name it.
pub(crate) fn write_files(folder: &Path, provider: &str) -> Vec<String> {
    let hash = auth_server::hash_secret(&boot::Secret::new(SECRET)).unwrap();
    let clients: String = [
        ("mcp-gateway-m2m", "[mcp-servers-unrestricted, a2a-agent-admin]"),
        ("lob1-bot", "[registry-users-lob1]"),
        ("stranger-bot", "[nobody-maps-this]"),
    ]
    .iter()
    .map(|(id, groups)| format!("  - {{client_id: {id}, secret_hash: '{hash}', groups: {groups}}}\n"))
    .collect();
    let issuers = format!(
        "- issuer: http://idp/realms/mcp-gateway\n  aliases: [http://keycloak:8080/realms/mcp-gateway]\n  \
         jwks_uri: {provider}/jwks\n  audiences: [mcp-registry]\n  method: keycloak\n\
         - issuer: http://lax\n  jwks_uri: {provider}/jwks\n  audience: optional\n  groups_claim: roles\n"
    );
    let files = [
        ("scopes.yml", include_str!("../../../deploy/scopes.yml").to_owned()),
        ("clients.yml", format!("clients:\n{clients}")),
        ("issuers.yml", issuers),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut flags = vec!["--listen=127.0.0.1:0".to_owned(), "--admin-listen=127.0.0.1:0".to_owned()];
    flags.push(format!("--state={}", path("state")));
    flags.push(format!("--policy={}", path("scopes.yml")));
    flags.push(format!("--clients={}", path("clients.yml")));
    flags.push(format!("--issuers={}", path("issuers.yml")));
    flags
}
