//! The servers that are asked: ours, with an agent and an MCP server, and one that does nothing but sign.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};

use auth_server::config::{Cli, Config};
use auth_server::{App, Doors, hash_secret, serve, system_clock, system_random};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::EcdsaKeyPair;
use boot::Secret;
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::cpu::runtime;

/// The secret of the client in the configuration.
pub(crate) const SECRET: &str = "correct horse battery staple";
const BASE: &str = "/orgs/default/api/v1";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";
const JSON: &str = "content-type: application/json\r\n";
/// What an agent has nothing left of is refused at once: these limits are never reached.
const PLENTY: u64 = 1_000_000_000;

/// Our server, with one agent and one MCP server in its directory.
pub(crate) struct Ours {
    pub(crate) address: SocketAddr,
    client_id: String,
    pub(crate) secret: String,
}

impl Ours {
    pub(crate) fn start(folder: &Path, audit: Option<&Path>) -> Ours {
        std::fs::create_dir(folder).unwrap();
        let hash = hash_secret(&Secret::new(SECRET)).unwrap();
        let clients = format!(
            "clients: [{{client_id: bench, secret_hash: '{hash}', groups: [mcp-servers-unrestricted]}}]"
        );
        std::fs::write(folder.join("clients.yml"), clients).unwrap();
        std::fs::write(folder.join("scopes.yml"), include_str!("../../../deploy/scopes.yml")).unwrap();
        let state = folder.join("state");
        let mut flags = vec!["auth-server".into(), "--listen=127.0.0.1:0".into()];
        flags.push("--admin-listen=127.0.0.1:0".into());
        let files = [("clients", folder.join("clients.yml")), ("policy", folder.join("scopes.yml"))];
        let more = [("state", state.clone())].into_iter().chain(audit.map(|file| ("audit", file.to_owned())));
        flags
            .extend(files.into_iter().chain(more).map(|(flag, path)| format!("--{flag}={}", path.display())));
        let config = Config::load(&Cli::parse_from(flags).options).unwrap();
        let address = on_a_thread(async move |tell| {
            let app = App::build(config, system_clock(), system_random()).await.unwrap();
            let any = "127.0.0.1:0".parse().unwrap();
            let doors = Doors::open(any, any).await.unwrap();
            tell.send(doors.addresses().unwrap().0).unwrap();
            serve(doors, Arc::new(app), std::future::pending()).await;
        });

        let key = std::fs::read_to_string(state.join("admin_key")).unwrap();
        let head = format!("{JSON}x-api-key: {}\r\n", key.trim());
        let mut client = Client::connect(address);
        let mut make = |path: &str, body: Value| {
            client.ask(&post(&format!("/admin/{path}"), &head, &body.to_string())).must_be(201).json()
        };
        let target = json!({
            "name": "Financial data", "resource_uri": "https://mcp.example.com/financial-data",
            "aliases": ["urn:mcp:financial-data"], "required_capability": "mcp:financial-data",
            "scopes_supported": ["mcp:financial-data", "read:metrics"],
        });
        make("mcp/servers", target);
        let agent = json!({
            "name": "Bench", "capabilities": ["mcp:financial-data", "read:metrics", "read:documents"],
            "budget_policy": {"max_tokens_per_day": PLENTY, "max_api_calls_per_hour": PLENTY},
        });
        let agent = make("agents", agent);
        let text = |name: &str| agent["data"][name].as_str().unwrap().to_owned();
        Ours { address, client_id: text("clientId"), secret: text("clientSecret") }
    }

    pub(crate) fn sign_in_request(&self) -> String {
        sign_in_of(&self.client_id, &self.secret)
    }

    pub(crate) fn sign_in(&self) -> String {
        Client::connect(self.address).ask(&self.sign_in_request()).must_be(200).token()
    }

    /// A token that /validate takes.
    pub(crate) fn client_token(&self) -> String {
        let secret = SECRET.replace(' ', "+");
        Client::connect(self.address).ask(&sign_in_of("bench", &secret)).must_be(200).token()
    }

    /// As the package `lumoauth` sends it: the MCP server's name twice, and no proof but the token.
    pub(crate) fn exchange_request(&self, token: &str) -> String {
        let urn = "urn%3Aietf%3Aparams%3Aoauth%3A";
        let target = "https%3A%2F%2Fmcp.example.com%2Ffinancial-data";
        let body = format!(
            "grant_type={urn}grant-type%3Atoken-exchange&subject_token={token}\
             &subject_token_type={urn}token-type%3Aaccess_token&audience={target}&resource={target}"
        );
        post("/oauth/token", FORM, &body)
    }

    pub(crate) fn exchange(&self, token: &str) -> Answer {
        Client::connect(self.address).ask(&self.exchange_request(token)).must_be(200)
    }
}

fn sign_in_of(client_id: &str, secret: &str) -> String {
    let body = format!("grant_type=client_credentials&client_id={client_id}&client_secret={secret}");
    post("/oauth/token", FORM, &body)
}

fn post(path: &str, head: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {BASE}{path} HTTP/1.1\r\nhost: auth\r\nx-request-id: 0123456789abcdef\r\n{head}content-length: {length}\r\n\r\n{body}"
    )
}

/// One ES256 signature.
pub(crate) fn sign(pair: &EcdsaKeyPair, message: &[u8]) {
    pair.sign(&SystemRandom::new(), message).unwrap();
}

/// A hyper that reads a body, signs this message, and gives this answer.
pub(crate) fn signing_hyper(
    headers: HeaderMap,
    body: Bytes,
    pair: &Arc<EcdsaKeyPair>,
    message: &Arc<[u8]>,
) -> SocketAddr {
    let (pair, message) = (Arc::clone(pair), Arc::clone(message));
    on_a_thread(async move |tell| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (headers, body) = (headers.clone(), body.clone());
            let (pair, message) = (Arc::clone(&pair), Arc::clone(&message));
            let service = service_fn(move |request: Request<Incoming>| {
                let mut response = Response::new(Full::new(body.clone()));
                *response.headers_mut() = headers.clone();
                let (pair, message) = (Arc::clone(&pair), Arc::clone(&message));
                async move {
                    drop(request.into_body().collect().await.unwrap());
                    sign(&pair, &message);
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

/// A server on a thread of its own.
fn on_a_thread(run: impl AsyncFnOnce(mpsc::Sender<SocketAddr>) + Send + 'static) -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || runtime().block_on(run(tell)));
    told.recv().unwrap()
}
