//! What a registration costs when there are 100, 10,000 and 100,000 agents already, how many a second the
//! stores take from 1, 8 and 64 clients, and what a start with 100,000 takes. `make bench-store`.
//!
//! CPU is that of the whole process; rounds alternate between the sizes, so that what else the machine
//! does falls on all of them alike. Beside each wall time stands a bare append and fsync of as many bytes.
//! `BENCH_LARGE` sets another largest size.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{Action, Permit, Policy, Principal, Resource, ScopeSet};
use catalog::{AgentEntry, EntryPath};
use registry::indexing::Index;
use search::{Bert, Embedder, HashedWords, ModelFiles, SearchError};
use serde_json::{Value, json};
use store::file::{FileStore, Folder};
use store::postgres::{DatabaseUrl, PostgresOptions, PostgresStore};
use store::{EntryStore, HistoryLimits};
use xtask::stack::Life;

use self::common::{Role, World};

const ROUNDS: usize = 7;
const WRITES: usize = 300;
/// Embedding takes milliseconds each.
const EMBEDDED: usize = 20;
/// Set for the process that only starts: the database it starts with.
const URL: &str = "BENCH_START_URL";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|word| word == "--start") {
        let folder = Path::new(&arguments[place + 1]);
        return start(|| open(folder));
    }
    if let Ok(url) = std::env::var(URL) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return start(|| runtime.block_on(open_postgres(&url)));
    }
    let large = std::env::var("BENCH_LARGE").map_or(100_000, |text| text.parse().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let sizes = [100, large / 10, large];
        let mut folders = Vec::new();
        let mut stores: Vec<Arc<dyn EntryStore<AgentEntry>>> = Vec::new();
        for size in sizes {
            let folder = tempfile::tempdir().unwrap();
            let store = open(folder.path());
            fill(&store, size).await;
            folders.push(folder);
            stores.push(store);
        }
        println!("file store");
        alone(&sizes, &stores, folders[0].path()).await;
        requests(&sizes, &stores, None).await;
        match model() {
            Some(model) => requests(&sizes, &stores, Some(model)).await,
            None => println!("  embedding: SKIPPED: there is no model (make model)"),
        }
        throughput(&stores[1], "file").await;
        stores[2].close().await;
        drop(stores);
        let itself = std::env::current_exe().unwrap();
        let said = std::process::Command::new(itself).arg("--start").arg(folders[2].path()).output().unwrap();
        print!("{}", String::from_utf8_lossy(&said.stdout));
        postgres(&sizes).await;
    });
}

fn open(folder: &Path) -> Arc<dyn EntryStore<AgentEntry>> {
    let folder = Folder::lock(folder).unwrap();
    Arc::new(<FileStore>::open(&folder, Arc::new(|| common::NOW), HistoryLimits::default()).unwrap())
}

async fn open_postgres(url: &str) -> Arc<dyn EntryStore<AgentEntry>> {
    let options = PostgresOptions::new(url.parse::<DatabaseUrl>().unwrap(), Arc::new(|| common::NOW));
    Arc::new(<PostgresStore>::open(PostgresOptions { migrate: true, ..options }).await.unwrap())
}

/// A start with what is kept, in a process of its own.
fn start(open: impl FnOnce() -> Arc<dyn EntryStore<AgentEntry>>) {
    let before = Instant::now();
    let store = open();
    let wall = before.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim();
    println!("  start with {} agents: {wall:.2} s, {resident} resident", store.catalogue().len());
}

fn permit(path: &str) -> Permit {
    let scopes = ScopeSet::parse("a2a-agent-admin");
    let admin = Principal { username: "bench".to_owned(), scopes, ..Principal::default() };
    Policy::parse("").unwrap().decide(&admin, Action::PublishAgent, &Resource::vacant(path)).unwrap()
}

/// About as long as the guide's own card.
fn card(path: &str) -> Value {
    json!({"path": path, "name": format!("Agent {path}"), "url": "https://agents.example.com/x", "version": "2.1.0",
        "description": format!("Reviews, tests and deploys what team {path} writes, and tells what is wrong with it"),
        "skills": (0..3).map(|number| json!({"id": format!("skill-{number}"), "name": "Review code",
            "description": "Performs static analysis of source code and reports what it finds", "tags": ["code", "review"],
            "parameters": {"type": "object", "properties": {"code": {"type": "string"}, "strict": {"type": "boolean"}}}
        })).collect::<Vec<_>>(), "tags": ["code-review", "security"], "provider": "Acme Corp", "trust_level": "community"})
}

fn entry(path: &str) -> AgentEntry {
    let card = card(path).as_object().unwrap().clone();
    AgentEntry::from_card(EntryPath::parse(path).unwrap(), card).unwrap()
}

async fn fill(store: &Arc<dyn EntryStore<AgentEntry>>, count: usize) {
    for begin in (0..count).step_by(512) {
        let end = count.min(begin + 512);
        write(store, (begin..end).map(|number| format!("/filled/{number}")), 512).await;
    }
}

/// Writes these from so many clients at once.
async fn write(store: &Arc<dyn EntryStore<AgentEntry>>, paths: impl Iterator<Item = String>, clients: usize) {
    let paths = Arc::new(std::sync::Mutex::new(paths.collect::<Vec<_>>()));
    let tasks = (0..clients).map(|_| {
        let (store, paths) = (store.clone(), paths.clone());
        tokio::spawn(async move {
            loop {
                let next = paths.lock().unwrap().pop();
                let Some(path) = next else { return };
                store.insert(&permit(&path), entry(&path)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// CPU time of every thread so far.
fn spent() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let nanos = tasks.filter_map(|task| {
        let line = fs::read_to_string(task.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Medians of CPU and wall in µs, one pair a size.
struct Costs(Vec<(Vec<f64>, Vec<f64>)>);

impl Costs {
    fn new(count: usize) -> Costs {
        Costs((0..count).map(|_| (Vec::new(), Vec::new())).collect())
    }

    fn add(&mut self, place: usize, writes: usize, cpu: Duration, wall: Duration) {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / writes as f64;
        self.0[place].0.push(each(cpu));
        self.0[place].1.push(each(wall));
    }

    fn print(self, what: &str, sizes: &[usize]) {
        let medians: Vec<(f64, f64)> =
            self.0.into_iter().map(|(cpu, wall)| (median(cpu), median(wall))).collect();
        for (size, (cpu, wall)) in sizes.iter().zip(&medians) {
            println!(
                "  {what}, {size} agents: {cpu:.0} µs CPU, {wall:.0} µs wall, {:.2} of that at {}",
                cpu / medians[0].0,
                sizes[0]
            );
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn alone(sizes: &[usize], stores: &[Arc<dyn EntryStore<AgentEntry>>], folder: &Path) {
    let mut costs = Costs::new(stores.len());
    let mut bare = Vec::new();
    let mut file = File::create(folder.join("bare")).unwrap();
    let line = vec![b'x'; card("/x").to_string().len() + 300];
    for round in 0..ROUNDS {
        for (place, store) in stores.iter().enumerate() {
            let paths: Vec<String> = (0..WRITES).map(|number| format!("/alone/{round}/{number}")).collect();
            let (cpu, wall) = (spent(), Instant::now());
            for path in &paths {
                store.insert(&permit(path), entry(path)).await.unwrap();
            }
            costs.add(place, WRITES, spent() - cpu, wall.elapsed());
        }
        let wall = Instant::now();
        for _ in 0..WRITES {
            file.write_all(&line).unwrap();
            file.sync_data().unwrap();
        }
        bare.push(wall.elapsed().as_secs_f64() * 1e6 / WRITES as f64);
    }
    costs.print("the store alone, one client", sizes);
    println!("  a bare append and fsync of {} bytes: {:.0} µs wall", line.len(), median(bare));
}

/// Whole requests in this process: identity, policy, validation, store, and with a model the embedding.
async fn requests(
    sizes: &[usize],
    stores: &[Arc<dyn EntryStore<AgentEntry>>],
    model: Option<Arc<dyn Embedder>>,
) {
    let worlds: Vec<World> = stores
        .iter()
        .map(|store| {
            World::with(|app| {
                app.store = store.clone();
                app.index = Index::new(store.clone(), app.servers.clone(), None);
                match &model {
                    Some(model) => app.index.build(Arc::new(Mixed::new(model.clone()))),
                    None => app.index.turn_off("it is left out of the measurement"),
                }
            })
        })
        .collect();
    let (what, writes) = match model {
        Some(_) => ("a whole request with embedding", EMBEDDED),
        None => ("a whole request without embedding", WRITES),
    };
    let mut costs = Costs::new(worlds.len());
    for round in 0..ROUNDS {
        for (place, world) in worlds.iter().enumerate() {
            let cards: Vec<Value> =
                (0..writes).map(|number| card(&format!("/{writes}/{round}/{number}"))).collect();
            let (cpu, wall) = (spent(), Instant::now());
            for card in cards {
                world.ask(Role::Guide, "POST", "/api/agents/register", Some(card)).await.is(201);
            }
            costs.add(place, writes, spent() - cpu, wall.elapsed());
        }
    }
    costs.print(what, sizes);
}

async fn throughput(store: &Arc<dyn EntryStore<AgentEntry>>, name: &str) {
    for clients in [1, 8, 64] {
        let mut rates = Vec::new();
        for round in 0..5 {
            let count = 200 * clients.min(8);
            let paths = (0..count).map(|number| format!("/through/{clients}/{round}/{number}"));
            let wall = Instant::now();
            write(store, paths, clients).await;
            rates.push(count as f64 / wall.elapsed().as_secs_f64());
        }
        println!("  {name}, {clients} clients: {:.0} registrations a second", median(rates));
    }
}

async fn postgres(sizes: &[usize]) {
    let programs = match xtask::postgres::present() {
        Ok(programs) => programs,
        Err(reason) => return println!("postgres: SKIPPED: {reason}"),
    };
    println!("postgres");
    let folder = xtask::files::temporary("agent-registry-bench-").unwrap();
    let cluster = xtask::postgres::Cluster::start(programs, folder.path().join("postgres"), Life::WithParent)
        .await
        .unwrap();
    let mut stores: Vec<Arc<dyn EntryStore<AgentEntry>>> = Vec::new();
    for size in sizes {
        let name = format!("with_{size}");
        cluster.create(&name).unwrap();
        let store = open_postgres(&cluster.url(&name)).await;
        fill(&store, *size).await;
        stores.push(store);
    }
    alone(sizes, &stores, folder.path()).await;
    requests(sizes, &stores, None).await;
    if let Some(model) = model() {
        requests(sizes, &stores, Some(model)).await;
    }
    throughput(&stores[1], "postgres").await;
    for store in stores {
        store.close().await;
    }
    let large = cluster.url(&format!("with_{}", sizes[2]));
    let itself = std::env::current_exe().unwrap();
    let said = std::process::Command::new(itself).env(URL, large).output().unwrap();
    print!("{}", String::from_utf8_lossy(&said.stdout));
}

fn model() -> Option<Arc<dyn Embedder>> {
    let files = ModelFiles::in_folder(&xtask::root().join("data/model")).ok()?;
    Some(Arc::new(Bert::load(&files).unwrap()))
}

/// The real model for what is registered while it is measured; for the many that are there before, vectors
/// that cost nothing to make.
struct Mixed {
    model: Arc<dyn Embedder>,
    cheap: HashedWords,
}

impl Mixed {
    fn new(model: Arc<dyn Embedder>) -> Mixed {
        let cheap = HashedWords::new(model.dimensions());
        Mixed { model, cheap }
    }
}

impl Embedder for Mixed {
    fn knows(&self, word: &str) -> bool {
        self.model.knows(word)
    }

    fn dimensions(&self) -> usize {
        self.model.dimensions()
    }

    fn fingerprint(&self) -> &str {
        "mixed"
    }

    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        if text.contains(&format!("/{EMBEDDED}/")) { self.model.embed(text) } else { self.cheap.embed(text) }
    }
}
