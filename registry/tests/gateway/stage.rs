//! A registry on a real port, MCP servers that say what a test has written down, and clients that send bytes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::identity;
use access::{Action, Policy};
use catalog::{Entry, EntryPath, ServerEntry};
use registry::{App, bind, endpoint, serve_until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::common::{Role, World};

/// Long enough for everything that happens at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server does with a request.
#[derive(Clone)]
pub(crate) enum Script {
    /// Sends these bytes and closes.
    Say(Vec<u8>),
    /// Sends these bytes and waits until the other side goes, which is told to the test.
    Hold(Vec<u8>),
}

/// One answer with a body of this kind.
pub(crate) fn says(kind: &str, body: impl AsRef<[u8]>) -> Script {
    with("200 OK", &format!("Content-Type: {kind}\r\n"), body)
}

pub(crate) fn with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Script {
    let body = body.as_ref();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    Script::Say([head.as_bytes(), body].concat())
}

/// A server.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    /// Every request, head and body, as text.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    left: mpsc::UnboundedReceiver<()>,
}

impl Fake {
    pub(crate) async fn start(script: impl Fn(&str) -> Script + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (gone, left) = mpsc::unbounded_channel();
        let (noted, script) = (seen.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (noted, script, gone) = (noted.clone(), script.clone(), gone.clone());
                tokio::spawn(async move {
                    let Some(request) = request(&mut stream).await else { return };
                    noted.lock().expect("not poisoned").push(request.clone());
                    match script(&request) {
                        Script::Say(bytes) => drop(stream.write_all(&bytes).await),
                        Script::Hold(bytes) => {
                            drop(stream.write_all(&bytes).await);
                            while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                            let _ = gone.send(());
                        }
                    }
                });
            }
        });
        Fake { address, seen, left }
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().expect("not poisoned").len()
    }

    pub(crate) fn last(&self) -> String {
        self.seen.lock().expect("not poisoned").last().cloned().expect("a request")
    }

    /// Until a caller has gone whom the server had not finished with.
    pub(crate) async fn is_left(&mut self) {
        tokio::time::timeout(PATIENCE, self.left.recv()).await.expect("the server is left");
    }

    /// Until so many requests have come.
    pub(crate) async fn has_seen(&self, count: usize) {
        let waited = async {
            while self.count() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.expect("the requests come");
    }
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut part) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = |line: &str| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
        if body.len() >= head.lines().find_map(length).unwrap_or(0) {
            return Some(text.into_owned());
        }
    }
}

/// A registry that is served.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) address: SocketAddr,
}

impl Stage {
    pub(crate) async fn new() -> Stage {
        Stage::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut App)) -> Stage {
        let world = World::with(change);
        let bound = bind("127.0.0.1:0".parse().expect("an address"), None).await.expect("a port");
        let forever = std::future::pending();
        tokio::spawn(serve_until(bound.acceptor, endpoint(&world.app), forever, PATIENCE));
        Stage { world, address: bound.address }
    }

    /// Registers a server, enabled, that lives at an address.
    pub(crate) async fn server(&self, name: &str, url: &str, more: Value) {
        let mut card = json!({"server_name": name, "description": "a test's", "proxy_pass_url": url,
            "is_enabled": true});
        let fields = card.as_object_mut().expect("an object");
        fields.extend(more.as_object().cloned().unwrap_or_default());
        let path = EntryPath::parse(&format!("/{name}")).expect("a path");
        let entry = ServerEntry::from_card(path, fields.clone()).expect("a server");
        let admin = self.world.principal(Role::Admin);
        let permit = self.world.app.policy.current().decide(&admin, Action::RegisterService, &entry.resource);
        self.world.app.servers.insert(&permit.expect("granted"), entry).await.expect("kept");
    }

    /// Registers one that is served by a test.
    pub(crate) async fn fake(&self, name: &str, fake: &Fake) {
        self.server(name, &format!("http://{}/mcp", fake.address), json!({})).await;
    }

    /// A request's head, with the caller's seal.
    pub(crate) fn head(&self, role: Role, method: &str, target: &str, headers: &str) -> String {
        let seal = match role {
            Role::Nobody => String::new(),
            role => format!("{}: {}\r\n", identity::SEALED, self.world.seal(&self.world.claims(role))),
        };
        format!("{method} {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n{seal}{headers}")
    }

    /// Sends a message and reads the whole answer.
    pub(crate) async fn post(&self, role: Role, target: &str, headers: &str, body: &str) -> Told {
        let length = body.len();
        let headers = format!("Content-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.raw(&format!("{}{body}", self.head(role, "POST", target, &headers))).await
    }

    pub(crate) async fn get(&self, role: Role, target: &str, headers: &str) -> Told {
        self.raw(&(self.head(role, "GET", target, headers) + "\r\n")).await
    }

    /// Sends bytes and reads until the end.
    pub(crate) async fn raw(&self, bytes: &str) -> Told {
        let mut stream = self.send(bytes).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        // A connection that is broken off has still said what it said.
        drop(read.expect("it ends"));
        Told::of(&answer)
    }

    /// Sends bytes as nginx does, whose connections stay: on one that ends with its request, nobody looks
    /// whether the other side has gone.
    pub(crate) async fn open(&self, bytes: &str) -> TcpStream {
        self.send(&bytes.replacen("Connection: close\r\n", "", 1)).await
    }

    async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        stream.write_all(bytes.as_bytes()).await.expect("sent");
        stream
    }

    /// Another policy comes into force.
    pub(crate) fn policy(&self, text: &str) {
        let policy = Policy::parse(text).map(|_| text.to_owned());
        let taken = self.world.app.policy.take(Ok::<_, String>(policy.expect("a policy")), 0);
        assert!(taken.is_ok());
    }
}

/// Reads until these bytes have come.
pub(crate) async fn until(stream: &mut TcpStream, end: &str) -> String {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    let reading = async {
        while !String::from_utf8_lossy(&bytes).contains(end) {
            let read = stream.read(&mut part).await.expect("readable");
            assert_ne!(read, 0, "it ended: {}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&part[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("it comes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// Whether it came to its end.
    pub(crate) whole: bool,
}

impl Told {
    fn of(bytes: &[u8]) -> Told {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let head = head.to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let (body, whole) = match head.contains("transfer-encoding: chunked") {
            true => unchunked(body),
            false => (body.to_owned(), !head.is_empty()),
        };
        Told { status, head, body, whole }
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Told {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|fault| panic!("no JSON ({fault}): {self:?}"))
    }

    /// The code and the message of a JSON-RPC error with this id.
    #[track_caller]
    pub(crate) fn error(&self, id: &Value) -> (i64, String) {
        let json = self.json();
        assert_eq!((&json["jsonrpc"], &json["id"]), (&json!("2.0"), id), "{json}");
        let error = &json["error"];
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        (error["code"].as_i64().expect("a code"), message)
    }
}

fn unchunked(mut text: &str) -> (String, bool) {
    let mut whole = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        if size == 0 {
            return (whole, true);
        }
        let Some(part) = rest.get(..size) else { break };
        whole.push_str(part);
        text = rest[size..].trim_start_matches("\r\n");
    }
    (whole, false)
}

/// One message.
pub(crate) fn message(id: u64, method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}
