//! The program itself, and what it leaves behind: acknowledged reports outlive its death, secrets stand nowhere.

use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::org::{ACCESS_TOKEN, BASE, EXCHANGE, Sent, basic, bearer, call};
use crate::stack::{Answer, send, write_files};

struct Program {
    child: Child,
    main: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    /// Starts it over a folder. `None` when it does not come up.
    async fn start(folder: &Path, listen: &str, flags: &[&str]) -> Option<Program> {
        let mut all = write_files(folder, "http://127.0.0.1:1");
        all[0] = format!("--listen={listen}");
        all.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let ready = folder.join("ready.json");
        let mut program = Command::new(env!("CARGO_BIN_EXE_auth-server"));
        program.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = program.args(all).arg("--ready-file").arg(&ready).spawn().unwrap();
        let told = child.stdout.take().unwrap();
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(told).read_line(&mut line).map(|_| line)
        });
        if line.await.unwrap().unwrap().is_empty() {
            child.wait().unwrap();
            return None;
        }
        let ready: Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
        let address =
            |name: &str| ready[name].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        Some(Program { child, main: address("url"), admin: address("admin_url") })
    }

    /// Ends it without a word of warning, and starts another in its place.
    async fn killed(mut self, folder: &Path) -> Program {
        let listen = self.main.to_string();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        drop(self);
        for _ in 0..50 {
            if let Some(program) = Program::start(folder, &listen, &[]).await {
                return program;
            }
        }
        panic!("it does not start again: {}", std::fs::read_to_string(folder.join("log")).unwrap());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn key(folder: &Path) -> String {
    let key = std::fs::read_to_string(folder.join("state/admin_key")).unwrap();
    format!("x-api-key: {}\r\n", key.trim_end())
}

async fn agent(to: SocketAddr, key: &str, name: &str) -> (String, String) {
    let body = json!({"name": name, "capabilities": ["a:b"]});
    let data = call(to, "POST /admin/agents", key, Sent::Json(body)).await.json()["data"].take();
    let (id, secret) = (data["agentId"].as_str().unwrap(), data["clientSecret"].as_str().unwrap());
    let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    let token = call(to, "POST /oauth/token", "", Sent::Form(&form)).await.json()["access_token"].take();
    (id.to_owned(), token.as_str().unwrap().to_owned())
}

/// Tokens and reports of an agent, of all days: the test may run over midnight.
async fn counted(to: SocketAddr, key: &str, id: &str) -> (u64, u64) {
    let answer = call(to, &format!("GET /admin/agents/{id}/usage"), key, Sent::Nothing).await;
    let days = answer.json()["data"]["days"].take();
    let sum = |name: &str| days.as_array().unwrap().iter().map(|day| day[name].as_u64().unwrap()).sum();
    (sum("tokens"), sum("reports"))
}

const CLIENTS: u64 = 64;
const REPORTS: u64 = 10_000;
const KILLS: u64 = 4;

/// What all clients share.
struct Shared {
    next: AtomicU64,
    /// Reports that were acknowledged, their tokens, and the tokens of those without a run's name.
    acknowledged: AtomicU64,
    tokens: AtomicU64,
    loose: AtomicU64,
    moved: Notify,
    up: watch::Sender<bool>,
    url: String,
    http: reqwest::Client,
}

impl Shared {
    async fn report(&self, token: &str, body: &Value) -> bool {
        let _ = self.up.subscribe().wait_for(|up| *up).await;
        let request = self.http.post(&self.url).bearer_auth(token).body(body.to_string());
        match request.header("content-type", "application/json").send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                // Its head may come before it dies, and not its body: that is an acknowledgement, too.
                assert_eq!(status, 200, "{:?}", answer.text().await);
                true
            }
            Err(_) => false,
        }
    }

    async fn work(self: Arc<Shared>, named: String, loose: String) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number >= REPORTS {
                return;
            }
            let tokens = number % 97 + 1;
            if number.is_multiple_of(10) && self.report(&loose, &json!({ "tokens": tokens })).await {
                self.loose.fetch_add(tokens, Ordering::SeqCst);
            }
            let body = json!({"tokens": tokens, "run_id": format!("run-{number}")});
            while !self.report(&named, &body).await {}
            self.tokens.fetch_add(tokens, Ordering::SeqCst);
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
            self.moved.notify_one();
        }
    }

    async fn reached(&self, reports: u64) {
        while self.acknowledged.load(Ordering::SeqCst) < reports {
            self.moved.notified().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_counted_whenever_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut program = Program::start(folder, "127.0.0.1:0", &[]).await.unwrap();
    let (to, key) = (program.main, key(folder));
    let (named, named_token) = agent(to, &key, "Named").await;
    let (loose, loose_token) = agent(to, &key, "Loose").await;
    let shared = Arc::new(Shared {
        next: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
        tokens: AtomicU64::new(0),
        loose: AtomicU64::new(0),
        moved: Notify::new(),
        up: watch::Sender::new(true),
        url: format!("http://{to}{BASE}/agents/me/usage"),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
    });
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(Arc::clone(&shared).work(named_token.clone(), loose_token.clone()));
    }
    let share = REPORTS / (KILLS + 1);
    for kill in 0..KILLS {
        let at = share * kill + RandomState::new().hash_one(kill) % share + 1;
        shared.reached(at).await;
        // Nobody knocks while nobody is there: on the loopback a knock at a free port can open to itself.
        shared.up.send_replace(false);
        let (tokens, loose_tokens) =
            (shared.tokens.load(Ordering::SeqCst), shared.loose.load(Ordering::SeqCst));
        program = program.killed(folder).await;
        let found = counted(to, &key, &named).await;
        assert!(found.0 >= tokens, "killed after {at}: {found:?} of {tokens} acknowledged tokens");
        assert!(counted(to, &key, &loose).await.0 >= loose_tokens, "killed after {at}");
        shared.up.send_replace(true);
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let expected = (0..REPORTS).map(|number| number % 97 + 1).sum::<u64>();
    assert_eq!(shared.tokens.load(Ordering::SeqCst), expected);
    assert_eq!(counted(to, &key, &named).await, (expected, REPORTS), "to the token, each run once");
    let without_names = counted(to, &key, &loose).await;
    assert!(without_names.0 >= shared.loose.load(Ordering::SeqCst), "{without_names:?}");
    program = program.killed(folder).await;
    assert_eq!(counted(to, &key, &named).await, (expected, REPORTS), "and so it stays");
    assert_eq!(counted(to, &key, &loose).await, without_names);
    drop(program);
}

/// Collects what must stand nowhere.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn take(&mut self, answer: &Answer, name: &str) -> String {
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        let secret = told["data"].get(name).or_else(|| told.get(name)).and_then(Value::as_str);
        let secret = secret.unwrap_or_else(|| panic!("{name} in {answer:?}")).to_owned();
        self.0.push(secret.clone());
        secret
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_stands_in_a_log_a_record_or_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let audit = format!("--audit={}", folder.join("audit.log").display());
    let mut program = Program::start(folder, "127.0.0.1:0", &["--log=trace", &audit]).await.unwrap();
    let (to, mut key) = (program.main, key(folder));
    let mut secrets = Secrets::default();
    secrets.0.push(key["x-api-key: ".len()..].trim_end().to_owned());
    let wrong = "ags_00000000_hunter2hunter2hunter2";
    secrets.0.push("hunter2".to_owned());

    let body = json!({"name": "A", "capabilities": ["a:b"], "budget_policy": {"max_tokens_per_day": 5}});
    let made = call(to, "POST /admin/agents", &key, Sent::Json(body)).await;
    let id = made.json()["data"]["agentId"].as_str().unwrap().to_owned();
    let secret = secrets.take(&made, "clientSecret");
    let body = json!({"name": "T", "resource_uri": "https://t", "required_capability": "a:b"});
    let introspection = secrets
        .take(&call(to, "POST /admin/mcp/servers", &key, Sent::Json(body)).await, "introspectionSecret");
    let rotate = format!("POST /admin/agents/{id}/rotate-credentials");
    let second = secrets.take(&call(to, &rotate, &key, Sent::Nothing).await, "clientSecret");
    let rotate = "POST /admin/mcp/servers/t/rotate-credentials";
    let introspection_now = secrets.take(&call(to, rotate, &key, Sent::Nothing).await, "introspectionSecret");

    let grant = ("grant_type", "client_credentials");
    let mut tokens = Vec::new();
    for secret in [&secret, &second] {
        let form = [grant, ("client_id", id.as_str()), ("client_secret", secret.as_str())];
        tokens
            .push(secrets.take(&call(to, "POST /oauth/token", "", Sent::Form(&form)).await, "access_token"));
        // In the wrong place each: as an id, a type, a scope, in a broken body, at a path.
        for sent in [
            Sent::Form(&[grant, ("client_id", secret), ("client_secret", secret)]),
            Sent::Form(&[("grant_type", secret), ("scope", secret)]),
            Sent::Form(&[form[0], form[1], form[2], ("scope", secret)]),
            Sent::As("application/json", format!("{{\"client_secret\":\"{secret}\",}}").as_bytes()),
            Sent::As(secret, b"x"),
        ] {
            call(to, "POST /oauth/token", &basic(&id, wrong), sent).await;
        }
        let json = Sent::Json(json!({"name": 1, "type": [secret], "slug": secret, "client_id": secret}));
        call(to, "POST /admin/agents", &key, json).await;
        call(to, &format!("GET /admin/agents?q={secret}&status={secret}"), &key, Sent::Nothing).await;
        call(to, "GET /agents/me", &format!("x-request-id: {secret} x\r\n"), Sent::Nothing).await;
    }
    for token in &tokens {
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", token.as_str()),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", "https://t"),
            ("client_secret", wrong),
        ];
        let bound = call(to, "POST /oauth/token", "", Sent::Form(&form[..4])).await;
        let bound = secrets.take(&bound, "access_token");
        for mut form in [form; 3].into_iter().enumerate().map(|(at, mut form)| {
            form[[1, 2, 3][at]].1 = &bound;
            form.to_vec()
        }) {
            call(to, "POST /oauth/token", "", Sent::Form(&form)).await;
            form.pop();
            call(to, "POST /oauth/token", "", Sent::Form(&form)).await;
        }
        for (line, headers) in [
            ("GET /oauth/userinfo", bearer(&bound)),
            ("GET /oauth/userinfo", bearer(token)),
            ("GET /admin/agents", bearer(token)),
            ("GET /admin/agents", format!("x-api-key: {token}\r\n")),
            ("GET ///validate", bearer(&bound)),
            ("GET ///validate", bearer(token) + "x-original-uri: /currenttime/mcp\r\n"),
            ("POST /agents/ask", bearer(token)),
            ("POST /oauth/introspect", bearer(&introspection)),
            ("POST /oauth/introspect", bearer(&introspection_now)),
            ("POST /oauth/introspect", bearer(wrong)),
            ("POST /oauth/revoke", basic(&id, &secret)),
        ] {
            let asked = json!({"action": token, "token": bound, "client_secret": wrong});
            call(to, line, &headers, Sent::Json(asked)).await;
        }
        call(to, "POST /oauth/revoke", "", Sent::Form(&[("token", token)])).await;
    }
    let rotated = call(to, "POST /admin/api-key/rotate", &key, Sent::Nothing).await;
    key = format!("x-api-key: {}\r\n", secrets.take(&rotated, "apiKey"));
    assert_eq!(call(to, "GET /admin/agents", &key, Sent::Nothing).await.status, 200);
    let metrics = send(program.admin, "GET /metrics HTTP/1.1\r\n", "").await.body;
    let health = send(to, "GET /health HTTP/1.1\r\n", "").await.body;
    let list = call(to, "GET /admin/agents", &key, Sent::Nothing).await.body;
    let targets = call(to, "GET /admin/mcp/servers", &key, Sent::Nothing).await.body;
    let ended = rustix::process::Pid::from_child(&program.child);
    rustix::process::kill_process(ended, rustix::process::Signal::TERM).unwrap();
    assert!(program.child.wait().unwrap().success());

    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let (log, trail) = (read("log"), read("audit.log"));
    assert!(log.lines().count() > 20 && trail.lines().count() > 20, "there is something to look at");
    let kept = read("state/directory.json") + &read("state/directory.journal");
    assert!(kept.contains(&id));
    for (place, text) in [
        ("log", &log),
        ("trail", &trail),
        ("metrics", &metrics),
        ("health", &health),
        ("agents", &list),
        ("targets", &targets),
        ("directory", &kept),
    ] {
        for secret in &secrets.0 {
            // Of a secret its random part, of a token its claims and its signature.
            for part in secret.split(['_', '.']).filter(|part| part.len() > 10 || *part == "hunter2") {
                // Every token has the same header.
                assert!(secret.starts_with(part) || !text.contains(part), "{part} stands in the {place}");
            }
            assert!(!text.contains(secret.as_str()), "{secret} stands in the {place}");
        }
        assert!(place == "directory" || !text.contains("$argon2"), "a hash stands in the {place}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_never_keep_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = Program::start(folder, "127.0.0.1:0", &[]).await.unwrap();
    let key_before = key(folder);
    assert!(Program::start(folder, "127.0.0.1:0", &[]).await.is_none(), "it must not come up");
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    assert!(log.lines().last().is_some_and(|line| line.contains("auth-server: ")), "it says why: {log}");
    assert_eq!(key(folder), key_before);
    assert_eq!(call(first.main, "GET /admin/agents", &key_before, Sent::Nothing).await.status, 200);
    let again = first.killed(folder).await;
    assert_eq!(call(again.main, "GET /admin/agents", &key_before, Sent::Nothing).await.status, 200);
}
