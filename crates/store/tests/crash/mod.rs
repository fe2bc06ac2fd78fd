//! A server that counts is killed again and again, in the middle of 64 reports at once: what it acknowledged
//! is in the counter, what it did not is repeated until it is, and in the end the sum is exact.
//!
//! The server is this program itself, started once more with another environment; what it acknowledges
//! stands in a pipe, which outlives it.

use std::collections::HashMap;
use std::env;
use std::future::Future;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use store::Clock;
use store::directory::conformance::{agent, all_of_it, own, report};
use store::directory::{DAY, DirectoryStore, Done, Wish};

/// Where a child keeps what it counts; whoever has it in his environment is one.
pub(crate) const PLACE: &str = "STORE_CRASH_PLACE";

const REPORTS: u64 = 10_000;
const AT_ONCE: usize = 64;
const KILLS: u64 = 8;
const NOW: u64 = 20_000 * DAY;

/// What stands still.
pub(crate) fn clock() -> Clock {
    Arc::new(|| NOW)
}

/// Model tokens of a run.
fn tokens(run: u64) -> u64 {
    run % 997 + 1
}

/// Plays the parent. `test` is the name of the test that calls [`child`].
pub(crate) async fn counts_to_the_token<F>(place: &str, test: &str, open: impl Fn() -> F)
where
    F: Future<Output = Arc<dyn DirectoryStore>>,
{
    let store = open().await;
    store.write(&all_of_it(), Wish::CreateAgent { agent: Box::new(agent("a")) }).await.expect("kept");
    // No good end: what was not folded is read from the log.
    drop(store);
    let mut missing: HashMap<u64, u64> = (0..REPORTS).map(|run| (run, tokens(run))).collect();
    let mut acknowledged = 0;
    let mut kills = 0;
    while !missing.is_empty() {
        let mut child = Started::new(place, test, missing.keys());
        // Somewhere in the middle of what is left, never at the same place.
        let lives = if kills < KILLS { 300 + kills * 137 } else { u64::MAX };
        let mut heard = 0;
        while let Some(line) = child.line() {
            if let Some(counter) = line.strip_prefix("counter ") {
                let counter: u64 = counter.parse().expect("a number");
                // Of each who was killed, what was on its way may be there.
                let unheard = missing.values().sum::<u64>().min(kills * AT_ONCE as u64 * tokens(996));
                assert!(counter >= acknowledged, "{counter} after {acknowledged} were acknowledged");
                assert!(counter <= acknowledged + unheard, "{counter}: something was counted twice");
            }
            if let Some(run) = line.strip_prefix("ack ") {
                acknowledged += missing.remove(&run.parse().expect("a run")).expect("acknowledged once");
                heard += 1;
            }
            if heard == lives {
                // SIGKILL; what is in the pipe was acknowledged before.
                child.kill();
                kills += 1;
            }
        }
    }
    assert_eq!(kills, KILLS);
    let store = open().await;
    let counted = store.directory().tokens_used("agt_a", NOW);
    assert_eq!(counted, (0..REPORTS).map(tokens).sum::<u64>(), "to the token");
    assert_eq!(counted, acknowledged);
    let days: Vec<u64> =
        store.directory().usage("agt_a").expect("used").days().map(|(_, day)| day.reports).collect();
    assert_eq!(days, [REPORTS]);
}

/// Plays the child: counts the runs that stand in its input, and says of each when it is acknowledged.
pub(crate) async fn child(store: Arc<dyn DirectoryStore>) {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).expect("runs");
    // The test runner has begun a line.
    say(&format!("\ncounter {}", store.directory().tokens_used("agt_a", NOW)));
    let runs: Vec<u64> = input.lines().map(|run| run.parse().expect("a run")).collect();
    let runs = Arc::new(Mutex::new(runs));
    let tasks = (0..AT_ONCE).map(|_| {
        let (store, runs) = (store.clone(), runs.clone());
        tokio::spawn(async move {
            loop {
                let run = runs.lock().expect("nobody panics").pop();
                let Some(run) = run else { return };
                let wish = report("agt_a", tokens(run), Some(&run.to_string()));
                let done = store.write(&own("agt_a"), wish).await;
                assert!(matches!(done, Ok(Done::Usage(_))), "{done:?}");
                say(&format!("ack {run}"));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
}

fn say(line: &str) {
    // At once and whole, past what the test runner keeps; whoever listens may have ended us by now.
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

/// A child and what it says. It ends with this.
struct Started {
    child: Child,
    says: BufReader<std::process::ChildStdout>,
}

impl Started {
    fn new<'r>(place: &str, test: &str, runs: impl Iterator<Item = &'r u64>) -> Started {
        let mut command = Command::new(env::current_exe().expect("a program"));
        command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(PLACE, place);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let runs: String = runs.map(|run| format!("{run}\n")).collect();
        child.stdin.take().expect("a pipe").write_all(runs.as_bytes()).expect("it reads");
        let says = BufReader::new(child.stdout.take().expect("a pipe"));
        Started { child, says }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        // The last line of one who was killed may have no end: it says nothing then.
        (self.says.read_line(&mut line).expect("text") > 0).then(|| match line.strip_suffix('\n') {
            Some(whole) => whole.to_owned(),
            None => String::new(),
        })
    }

    fn kill(&mut self) {
        self.child.kill().expect("killed");
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
