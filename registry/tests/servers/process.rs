//! Secrets and the real process: its files, its log, its export, and a key that is lost.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fake::with_tools;
use crate::world::at;

const SECRET: &str = "hunter2-and-more";
const WRITTEN: &str = "written-by-hand-4711";
const PATIENCE: Duration = Duration::from_secs(60);

struct Registry {
    child: Child,
    url: String,
}

impl Registry {
    async fn start(folder: &Path) -> Registry {
        let ready = folder.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let log =
            std::fs::OpenOptions::new().append(true).create(true).open(folder.join("log")).expect("a log");
        let mut child = command(folder).stderr(log).stdout(Stdio::null()).spawn().expect("it starts");
        let begun = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                let told: Value = serde_json::from_str(&text).expect("JSON");
                return Registry { child, url: told["url"].as_str().expect("a url").to_owned() };
            }
            assert!(child.try_wait().expect("a child").is_none(), "it ended: {}", log_of(folder));
            assert!(begun.elapsed() < PATIENCE, "it does not start");
            // Polling another process's file; nothing depends on how long.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ask(&self, method: &str, target: &str, body: Option<Value>) -> String {
        let client = reqwest::Client::new();
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = client.request(method, format!("{}{target}", self.url));
        request = request
            .header("x-user", "ada")
            .header("x-username", "ada")
            .header("x-scopes", "mcp-registry-admin");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{target}: {}", answer.status());
        answer.text().await.expect("a text")
    }

    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().expect("kill").success());
        assert!(self.child.wait().expect("it ends").success());
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/scopes.yml");
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--trust-plain-headers",
        "--offline",
        "--log",
        "trace",
        "--policy",
        policy,
    ]);
    command.arg("--state").arg(folder.join("state")).arg("--ready-file").arg(folder.join("ready.json"));
    command.arg("--model").arg(folder.join("no-model"));
    command.env_clear();
    command
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).expect("a log")
}

fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).expect("a folder") {
        let path = item.expect("an item").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => {
                let bytes = std::fs::read(&path).expect("a file");
                found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    found
}

#[tokio::test]
async fn no_file_no_log_and_no_export_holds_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = with_tools(&["now"]).await;
    // Written by hand, in the form that other registries use.
    std::fs::create_dir(folder.path().join("state")).expect("a folder");
    let mut by_hand = at("by-hand", &fake.url);
    by_hand["headers"] = json!([{"X-Key": WRITTEN}]);
    let state = json!({"servers": {"/by-hand": by_hand}}).to_string();
    std::fs::write(folder.path().join("state/server_state.json"), state).expect("written");

    let registry = Registry::start(folder.path()).await;
    let mut card = at("clock", &fake.url);
    card["headers"] = json!({"X-Key": SECRET});
    let mut said = registry.ask("POST", "/api/servers", Some(card)).await;
    for (method, target) in [
        ("POST", "/api/servers/by-hand/health"),
        ("GET", "/api/servers/by-hand"),
        ("GET", "/api/servers/by-hand/history"),
        ("POST", "/api/servers/clock/toggle?enabled=true"),
    ] {
        said += &registry.ask(method, target, None).await;
    }
    assert!(fake.asked().iter().any(|asked| asked.header("x-key") == WRITTEN), "it is what is sent");
    // The journal while it runs, the folded state after it has stopped.
    let running = files(&folder.path().join("state"));
    registry.stop();
    let stopped = files(&folder.path().join("state"));
    let export = Command::new(env!("CARGO_BIN_EXE_registry"))
        .args(["store", "export", "--state"])
        .arg(folder.path().join("state"))
        .env_clear()
        .output()
        .expect("it runs");
    assert!(export.status.success());
    let export = String::from_utf8(export.stdout).expect("text");
    let log = log_of(folder.path());
    assert!(log.contains("sealed now"), "{log}");
    for secret in [SECRET, WRITTEN] {
        for (path, text) in running.iter().chain(&stopped) {
            assert!(!text.contains(secret), "{} holds {secret}", path.display());
        }
        for (what, text) in [("the log", &log), ("the export", &export), ("an answer", &said)] {
            assert!(!text.contains(secret), "{what} holds {secret}");
        }
    }

    // It starts again with its key; without it, not at all.
    let registry = Registry::start(folder.path()).await;
    registry.ask("POST", "/api/servers/clock/health", None).await;
    assert_eq!(fake.asked().pop().expect("asked").header("x-key"), SECRET);
    registry.stop();
    let key = folder.path().join("state/registry.key");
    std::fs::rename(&key, folder.path().join("aside")).expect("moved");
    let refused = command(folder.path()).output().expect("it runs");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("registry.key: is missing"), "{told}");
    assert!(!key.exists());
    std::fs::rename(folder.path().join("aside"), &key).expect("moved");
    Registry::start(folder.path()).await.stop();
}
