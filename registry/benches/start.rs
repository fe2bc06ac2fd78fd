//! A start with 10,000 agents (`AGENTS=…` says another number): `make bench-search`.
//!
//! The real process, the real model. First without vectors: listing, reading and searching by words while they are made.
//! Then with the vectors it has kept: how long until a search by meaning is answered, and what that takes. Beside each
//! wall time stands the CPU time of the process, which a busy machine does not stretch.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const STARTS: usize = 5;

fn main() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/model");
    if !model.join("model.safetensors").is_file() {
        return println!("SKIPPED: there is no model (make model)");
    }
    let agents = std::env::var("AGENTS").map_or(10_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), &model, agents);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let begun = Instant::now();
        let registry = Registry::start(folder.path(), &model);
        for (what, target, body) in [
            ("list", "/api/agents?limit=10", None),
            ("get", "/api/agents/filled/7", None),
            ("search by words", "/api/agents/discover/semantic", Some(question())),
        ] {
            let (_, answer) = registry.ask(target, body).await;
            let mode = answer["search_mode"].as_str().unwrap_or_default();
            println!("without vectors, {what}: answered {:.2} s after the start {mode}", begun.elapsed().as_secs_f64());
        }
        registry.is_ready().await;
        println!(
            "without vectors: {agents} embedded after {:.0} s, {:.0} s of CPU",
            begun.elapsed().as_secs_f64(),
            registry.cpu()
        );
        registry.stop();

        let (mut walls, mut cpus, mut resident) = (Vec::new(), Vec::new(), String::new());
        for _ in 0..STARTS {
            let begun = Instant::now();
            let registry = Registry::start(folder.path(), &model);
            loop {
                let (_, answer) = registry.ask("/api/agents/discover/semantic", Some(question())).await;
                if answer["search_mode"] == "semantic" {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            walls.push(begun.elapsed().as_secs_f64());
            cpus.push(registry.cpu());
            resident = registry.resident();
            registry.stop();
        }
        println!(
            "with {agents} kept vectors: the first answer by meaning {:.2} s after the start, {:.2} s of CPU, {resident} (medians of {STARTS})",
            median(&mut walls),
            median(&mut cpus)
        );
    });
}

fn question() -> Value {
    json!({"query": "who reviews what team 4711 writes", "max_results": 10})
}

/// Agents with texts of their own, taken over from an export.
fn fill(folder: &Path, model: &Path, agents: usize) {
    let words = [
        "invoices",
        "flights",
        "contracts",
        "tickets",
        "code",
        "orders",
        "sensors",
        "claims",
        "videos",
        "soil",
    ];
    let verbs = ["reviews", "translates", "books", "forecasts", "audits", "routes", "summarises", "repairs"];
    let card = |number: usize| {
        let (verb, word) = (verbs[number % verbs.len()], words[number / verbs.len() % words.len()]);
        json!({"name": format!("{verb} {word} {number}"), "url": "https://agents.example.com/x", "version": "2.1.0",
            "description": format!("Agent {number} {verb} {word} of team {} and tells them what is wrong", number / 80),
            "skills": [{"id": format!("{verb}-{word}"), "name": format!("{verb} {word}"), "tags": [word],
                "description": format!("Looks at {word} and {verb} each of them")}],
            "tags": [verb, word], "is_enabled": true, "visibility": "public"})
    };
    let state: serde_json::Map<String, Value> =
        (0..agents).map(|number| (format!("/filled/{number}"), card(number))).collect();
    let file = folder.join("agents.json");
    fs::write(&file, json!({"agents": state}).to_string()).unwrap();
    let imported = command(folder, model).args(["store", "import"]).arg(&file).output().unwrap();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
}

fn command(folder: &Path, model: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/scopes.yml");
    command.args(["--listen", "127.0.0.1:0", "--trust-plain-headers", "--offline", "--log", "warn"]);
    command.args(["--policy", policy]).arg("--model").arg(model);
    command.arg("--state").arg(folder.join("state")).arg("--ready-file").arg(folder.join("ready.json"));
    command.env_clear();
    command
}

struct Registry {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Registry {
    fn start(folder: &Path, model: &Path) -> Registry {
        let ready = folder.join("ready.json");
        let _ = fs::remove_file(&ready);
        let mut child = command(folder, model).stdout(Stdio::null()).spawn().unwrap();
        loop {
            if let Ok(told) = fs::read_to_string(&ready) {
                let told: Value = serde_json::from_str(&told).unwrap();
                let url = told["url"].as_str().unwrap().to_owned();
                return Registry { child, url, client: reqwest::Client::new() };
            }
            assert!(child.try_wait().unwrap().is_none(), "the registry ended");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    async fn ask(&self, target: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{target}", self.url);
        let request = match body {
            Some(body) => {
                self.client.post(url).header("content-type", "application/json").body(body.to_string())
            }
            None => self.client.get(url),
        };
        let request = request.header("x-user", "ada").header("x-username", "ada");
        let answer = request.header("x-scopes", "mcp-registry-admin").send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{target}: {status} {text}");
        (status.as_u16(), serde_json::from_str(&text).unwrap())
    }

    async fn is_ready(&self) {
        while self.ask("/health", None).await.1["search"]["state"] != "ready" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// CPU seconds of the process so far, its ended threads with it.
    fn cpu(&self) -> f64 {
        let told = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Behind the name, which may hold anything: utime and stime are the 12th and 13th, in hundredths of a second.
        let rest = told.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
        rest.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }

    fn resident(&self) -> String {
        let told = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        format!("{} resident", line.trim())
    }

    fn stop(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
