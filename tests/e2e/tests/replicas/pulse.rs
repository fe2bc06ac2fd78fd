//! One number is written again and again at one registry and read at all: no answer may be older than the
//! registry said a moment before it could be.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinHandle;

use super::Course;
use super::clients::card;
use super::direct::Direct;

const PATH: &str = "/api/agents/pulse";
/// For what two clocks round.
const MARGIN: Duration = Duration::from_millis(50);

pub(crate) struct Pulse {
    beating: JoinHandle<()>,
    reading: Vec<JoinHandle<Duration>>,
}

/// When each number was acknowledged; the index is the number.
type Beats = Arc<Mutex<Vec<Instant>>>;

pub(crate) async fn seed(replica: &Direct) {
    let mut card = card("/pulse", "Pulse", "beats");
    card["x_pulse"] = json!(0);
    replica.publish(&card).await;
}

pub(crate) fn start(replicas: &[Arc<Direct>], course: &Arc<Course>) -> Pulse {
    let beats: Beats = Arc::new(Mutex::new(vec![Instant::now()]));
    let beating = tokio::spawn(beat(replicas[0].clone(), beats.clone(), course.clone()));
    let read = |replica: &Arc<Direct>| tokio::spawn(read(replica.clone(), beats.clone(), course.clone()));
    Pulse { beating, reading: replicas.iter().map(read).collect() }
}

impl Pulse {
    pub(crate) async fn check(self) {
        self.beating.await.expect("it beats to the end");
        let mut oldest = Duration::ZERO;
        for reading in self.reading {
            oldest = oldest.max(reading.await.expect("no answer is older than it was said to be"));
        }
        assert!(oldest > Duration::from_secs(2), "the one that was cut off read old numbers: {oldest:?}");
    }
}

async fn beat(replica: Arc<Direct>, beats: Beats, course: Arc<Course>) {
    for number in 1.. {
        if !course.goes_on() {
            return;
        }
        let answer =
            replica.send("PATCH", PATH, Some(&json!({"x_pulse": number}))).await.expect("it answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        beats.lock().expect("whole").push(Instant::now());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Reads until all is done; how old the oldest answer was.
async fn read(replica: Arc<Direct>, beats: Beats, course: Arc<Course>) -> Duration {
    let mut oldest = Duration::ZERO;
    while course.goes_on() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let asked = Instant::now();
        let Some(lag) = replica.lag().await else { continue };
        let Some(answer) = replica.send("GET", PATH, None).await else { continue };
        let shown = answer.body["x_pulse"].as_u64().expect("a number") as usize;
        let beats = beats.lock().expect("whole").clone();
        let Some(since) = asked.checked_sub(Duration::from_secs_f64(lag) + MARGIN) else { continue };
        let due = beats.iter().rposition(|acknowledged| *acknowledged < since).unwrap_or_default();
        assert!(
            shown >= due,
            "it shows {shown}, said it was {lag} s old at most, and {due} was there by then"
        );
        if let Some(next) = beats.get(shown + 1) {
            oldest = oldest.max(asked.saturating_duration_since(*next));
        }
    }
    oldest
}
