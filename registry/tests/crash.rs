//! The registry is killed at random moments while eight clients write: whatever it acknowledged is there
//! afterwards, what it did not acknowledge is there once or not at all, and it always starts again.
//!
//! `CRASH_KILLS` says how often (100), `CRASH_SEED` repeats a run.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

const CLIENTS: usize = 8;
/// How many of them write servers, the others agents.
const OF_SERVERS: usize = 3;
/// Paths of one client: few, so that each is registered, changed and deleted again and again.
const PATHS: u64 = 6;
const PATIENCE: Duration = Duration::from_secs(60);

/// A small generator (xorshift64*): a run can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

/// What a client knows of one of its paths: nothing there, or the description it last gave.
type State = Option<String>;

/// What a client writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Agents,
    Servers,
}

impl Kind {
    fn base(self) -> &'static str {
        match self {
            Kind::Agents => "/api/agents",
            Kind::Servers => "/api/servers",
        }
    }

    fn register(self) -> &'static str {
        match self {
            Kind::Agents => "/api/agents/register",
            Kind::Servers => "/api/servers",
        }
    }

    fn path(self, client: usize, number: u64) -> String {
        match self {
            Kind::Agents => format!("/client-{client}/agent-{number}"),
            Kind::Servers => format!("/client-{client}-server-{number}"),
        }
    }

    fn card(self, path: &str, text: &str) -> Value {
        // As long as a real one, so that a kill has something to cut.
        let notes = "x".repeat(2_000);
        match self {
            Kind::Agents => json!({"path": path, "name": "Crash", "description": text, "notes": notes,
                "url": "https://agents.example.com/crash"}),
            // Nobody answers there, so that nothing but these clients changes it.
            Kind::Servers => {
                json!({"path": path, "server_name": "Crash", "description": text, "notes": notes,
                "proxy_pass_url": "http://127.0.0.1:9/mcp"})
            }
        }
    }
}

/// One client: what was acknowledged, and the one write of which it heard nothing.
struct Writer {
    name: usize,
    kind: Kind,
    random: Random,
    known: BTreeMap<String, State>,
    unheard: Option<(String, State)>,
    writes: u64,
    /// Writes that are there: acknowledged, or found later.
    acknowledged: u64,
}

impl Writer {
    fn new(name: usize, seed: u64) -> Writer {
        let random = Random(seed ^ ((name as u64 + 1) << 32));
        let kind = if name < OF_SERVERS { Kind::Servers } else { Kind::Agents };
        Writer { name, kind, random, known: BTreeMap::new(), unheard: None, writes: 0, acknowledged: 0 }
    }

    /// Writes until nobody answers.
    async fn write(mut self, client: Client, url: String, killed: Arc<AtomicBool>) -> Writer {
        while !killed.load(Ordering::Acquire) {
            let (kind, base) = (self.kind, self.kind.base());
            let path = kind.path(self.name, self.random.below(PATHS));
            self.writes += 1;
            let text = format!("write {}", self.writes);
            let there = self.known.get(&path).cloned().flatten();
            let (method, target, body, expected, next) = match (there, self.random.below(4)) {
                (None, _) => {
                    (Method::POST, kind.register().to_owned(), Some(kind.card(&path, &text)), 201, Some(text))
                }
                (Some(_), 0) => (Method::DELETE, format!("{base}{path}"), None, 204, None),
                (Some(_), _) => {
                    (Method::PUT, format!("{base}{path}"), Some(kind.card(&path, &text)), 200, Some(text))
                }
            };
            self.unheard = Some((path.clone(), next.clone()));
            let mut request = as_admin(client.request(method, format!("{url}{target}")));
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            match request.send().await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    assert_eq!(status, expected, "{target}: {}", answer.text().await.unwrap_or_default());
                    self.unheard = None;
                    self.acknowledged += 1;
                    self.known.insert(path, next);
                }
                Err(_) => break,
            }
        }
        self
    }

    /// Compares what is there now with what was acknowledged, and learns what became of the unheard write.
    async fn check(&mut self, client: &Client, url: &str, round: usize) {
        let unheard = self.unheard.take();
        for number in 0..PATHS {
            let path = self.kind.path(self.name, number);
            let found = read(client, url, self.kind.base(), &path).await;
            let known = self.known.get(&path).cloned().flatten();
            match &unheard {
                Some((at, next)) if *at == path && *next == found => {
                    self.acknowledged += 1;
                    self.known.insert(path, found);
                }
                _ => assert_eq!(found, known, "round {round}: {path}; unheard: {unheard:?}"),
            }
        }
    }
}

fn as_admin(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    request
        .header("x-user", "crasher")
        .header("x-username", "crasher")
        .header("x-scopes", "mcp-registry-admin")
}

/// The changes since the last look: numbers without a gap, and each write once.
async fn follow(client: &Client, url: &str, last: &mut u64) -> u64 {
    let mut told = 0;
    loop {
        let target = format!("{url}/api/changes?since={last}&limit=1000");
        let answer = as_admin(client.get(target)).send().await.expect("it answers");
        assert_eq!(answer.status(), StatusCode::OK, "nobody forgets so soon");
        let page: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        for change in page["changes"].as_array().expect("a list") {
            *last += 1;
            assert_eq!(change["change"], *last, "numbers have no gap, and none is given twice");
            told += 1;
        }
        if page["more"] == false {
            return told;
        }
    }
}

async fn read(client: &Client, url: &str, base: &str, path: &str) -> State {
    let answer = as_admin(client.get(format!("{url}{base}{path}"))).send().await.expect("it answers");
    match answer.status() {
        StatusCode::NOT_FOUND => None,
        StatusCode::OK => {
            let card: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
            Some(card["description"].as_str().expect("a description").to_owned())
        }
        other => panic!("{path}: {other}"),
    }
}

/// A registry process without a model; it is killed when dropped.
struct Registry {
    child: Child,
    url: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        // SIGKILL: nothing is finished, nothing is flushed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    fn start(folder: &Path) -> Registry {
        let ready = folder.join("ready.json");
        let _ = fs::remove_file(&ready);
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_registry"))
            .args(["--listen", "127.0.0.1:0", "--trust-plain-headers", "--offline"])
            // Small, so that the journal is folded many times in a run, and kills fall into that too.
            .args(["--fold-after", "100000"])
            .env("HF_HOME", folder)
            .arg("--state")
            .arg(folder.join("state"))
            .arg("--policy")
            .arg(folder.join("scopes.yml"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("started");
        let mut registry = Registry { child, url: String::new() };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            // Written aside and renamed: what is there is whole.
            if let Ok(text) = fs::read_to_string(&ready) {
                let said: Value = serde_json::from_str(&text).expect("JSON");
                registry.url = said["url"].as_str().expect("a URL").to_owned();
                return registry;
            }
            if let Ok(Some(status)) = registry.child.try_wait() {
                panic!("it did not start ({status}): {}", tail(&folder.join("log")));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("it does not start: {}", tail(&folder.join("log")));
    }
}

fn tail(log: &PathBuf) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_every_kill() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    let (kills, seed) = (number("CRASH_KILLS", 100), number("CRASH_SEED", now | 1));
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("scopes.yml"), include_str!("../../deploy/scopes.yml")).expect("written");
    let mut random = Random(seed);
    let mut writers: Vec<Writer> = (0..CLIENTS).map(|name| Writer::new(name, seed)).collect();
    let (mut last, mut told) = (0, 0);
    println!("CRASH_SEED={seed} CRASH_KILLS={kills}");
    for round in 0..kills {
        let registry = Registry::start(folder.path());
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        for writer in &mut writers {
            writer.check(&client, &registry.url, round as usize).await;
        }
        told += follow(&client, &registry.url, &mut last).await;
        let killed = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = writers
            .into_iter()
            .map(|writer| tokio::spawn(writer.write(client.clone(), registry.url.clone(), killed.clone())))
            .collect();
        tokio::time::sleep(Duration::from_millis(5 + random.below(120))).await;
        drop(registry);
        killed.store(true, Ordering::Release);
        writers = Vec::new();
        for task in tasks {
            writers.push(task.await.expect("the writer saw only what was promised"));
        }
        if random.below(4) == 0 {
            let journal = if random.below(2) == 0 { "registry.journal" } else { "server.journal" };
            fray(&folder.path().join("state").join(journal), random.below(3_000));
        }
    }
    let registry = Registry::start(folder.path());
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
    for writer in &mut writers {
        writer.check(&client, &registry.url, kills as usize).await;
    }
    told += follow(&client, &registry.url, &mut last).await;
    drop(registry);
    let of = |kind: Kind| -> u64 {
        writers.iter().filter(|writer| writer.kind == kind).map(|writer| writer.acknowledged).sum()
    };
    assert_eq!(told, of(Kind::Agents), "each write that is there was told once, and no other");
    assert!(of(Kind::Servers) > kills, "servers were written, too: {}", of(Kind::Servers));
    let acknowledged = of(Kind::Agents) + of(Kind::Servers);
    println!("{kills} kills, {acknowledged} acknowledged writes, none lost");
    assert!(acknowledged > kills, "there was something to lose: {acknowledged} writes");
    let log = fs::read_to_string(folder.path().join("log")).expect("a log");
    assert!(!log.contains("panicked"), "{}", tail(&folder.path().join("log")));
    let checked = Command::new(env!("CARGO_BIN_EXE_registry"))
        .args(["store", "check", "--state"])
        .arg(folder.path().join("state"))
        .output()
        .expect("run");
    assert!(checked.status.success(), "{checked:?}");
}

/// What a power cut leaves at the end: half a line that was never acknowledged.
fn fray(journal: &Path, bytes: u64) {
    if let Ok(mut file) = OpenOptions::new().append(true).open(journal) {
        let line = format!("1234abcd {{\"batch\":1,\"change\":\"{}", "x".repeat(bytes as usize));
        file.write_all(line.as_bytes()).expect("written");
    }
}
