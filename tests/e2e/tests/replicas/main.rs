//! Three registries on one Postgres behind one nginx: one is killed and comes back, one loses the database for
//! a while, many clients write all the time. Nothing is lost, all end equal, nobody reads what is older than said.
//!
//! `REPLICAS_PARTITION_SECONDS` (7) is how long the database is out of reach; `make test-replicas` says 30.

mod clients;
mod counters;
mod direct;
mod log;
mod pulse;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use e2e::shared;
use serde_json::json;
use xtask::postgres::{self, Cable, Cluster, Life};
use xtask::stack::{Stack, StackOptions, Store};

use self::direct::Direct;

const OPERATIONS: usize = 10_000;
const CLIENTS: usize = 24;
/// How long a registry waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);
/// Who is killed, and who is cut off.
const KILLED: usize = 2;
const CUT_OFF: usize = 1;

/// What everybody looks at.
pub(crate) struct Course {
    pub(crate) done: AtomicUsize,
    /// All that was to happen has happened.
    happened: AtomicBool,
}

impl Course {
    pub(crate) fn goes_on(&self) -> bool {
        self.done.load(Ordering::SeqCst) < OPERATIONS || !self.happened.load(Ordering::SeqCst)
    }

    async fn at(&self, share: usize) {
        while self.done.load(Ordering::SeqCst) < OPERATIONS * share / 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn options(cluster: &Cluster, cable: &Cable) -> Result<StackOptions, String> {
    let mut options = shared::options()?;
    let (near, far) = (cluster.url(postgres::NAME), cluster.url_through(cable, postgres::NAME));
    let urls = (0..3).map(|number| if number == CUT_OFF { far.clone() } else { near.clone() });
    options.store = Store::Databases(urls.collect());
    options.registries = 3;
    options.registry_flags = vec!["--database-patience".into(), PATIENCE.as_secs().to_string()];
    options.rates = (100_000, 1000);
    Ok(options)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_registries_lose_nothing_and_end_equal() {
    let programs = match postgres::present() {
        Ok(programs) => programs,
        Err(reason) => return shared::skipped(&format!("postgres: {reason}")),
    };
    let cluster = Cluster::start(programs, shared::folder("postgres"), Life::WithParent).await;
    let cluster = cluster.expect("postgres starts");
    let cable = Cable::to(cluster.address()).await.expect("a cable");
    let options = match options(&cluster, &cable) {
        Ok(options) => options,
        Err(reason) => return shared::skipped(&reason),
    };
    let stack = Arc::new(Stack::start(options).await.expect("it starts"));
    let replicas = direct::all(&stack).await;
    clients::seed(&replicas[0]).await;
    counters::seed(&replicas[0]).await;
    pulse::seed(&replicas[0]).await;

    let started = Instant::now();
    let course = Arc::new(Course { done: AtomicUsize::new(0), happened: AtomicBool::new(false) });
    let pulse = pulse::start(&replicas, &course);
    let mut mix = Vec::new();
    for number in 0..CLIENTS {
        mix.push(tokio::spawn(clients::work(stack.clone(), course.clone(), number)));
    }
    happen(&stack, &cable, &replicas, &course).await;
    let mut tallies = Vec::new();
    for client in mix {
        tallies.push(client.await.expect("a client's checks hold"));
    }
    let took = started.elapsed();
    pulse.check().await;
    direct::must_become_equal(&replicas).await;
    counters::must_add_up(&replicas[0], &tallies).await;
    log::must_blame_only(&stack, CUT_OFF, KILLED).await;
    let done = course.done.load(Ordering::SeqCst);
    shared::loudly(&format!("replicas: {done} operations of {CLIENTS} clients in {} s", took.as_secs()));
}

/// One is killed and started again, one is cut off from the database.
async fn happen(stack: &Stack, cable: &Cable, replicas: &[Arc<Direct>], course: &Course) {
    course.at(15).await;
    stack.kill_one(KILLED);
    course.at(30).await;
    stack.restart_one(KILLED).await.expect("it starts again");
    course.at(45).await;
    let (silence, length) = (Instant::now(), partition());
    cable.silence();
    must_refuse_to_write(&replicas[CUT_OFF]).await;
    for other in [0, KILLED] {
        let note = json!({"x_note": silence.elapsed().as_millis().to_string()});
        let answer = replicas[other].send("PATCH", "/api/agents/seed/0", Some(&note)).await;
        assert_eq!(answer.expect("it answers").status, 200, "the others write on");
    }
    let lag = replicas[CUT_OFF].lag().await.expect("it answers");
    assert!(lag > PATIENCE.as_secs_f64() * 0.9, "it says how long it has been alone: {lag}");
    tokio::time::sleep(length.saturating_sub(silence.elapsed())).await;
    cable.mend();
    course.happened.store(true, Ordering::SeqCst);
}

async fn must_refuse_to_write(cut_off: &Direct) {
    let asked = Instant::now();
    let note = json!({"x_note": "never"});
    let answer = cut_off.send("PATCH", "/api/agents/seed/1", Some(&note)).await.expect("it answers");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(asked.elapsed() < PATIENCE + Duration::from_secs(2), "{:?}", asked.elapsed());
    let read = cut_off.send("GET", "/api/agents/seed/1", None).await.expect("it answers");
    assert_eq!(read.status, 200, "reads go on");
}

fn partition() -> Duration {
    let seconds = std::env::var("REPLICAS_PARTITION_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(7))
}
