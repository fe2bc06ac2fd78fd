//! Numbers in cards that many clients increase, each time from what they have read (`If-Match`).
//!
//! Who gets no certain answer cannot know whether his step counts. So every card says how many steps of which
//! client it holds, and these must be between what the client was promised and what it has tried.

use e2e::Caller;
use reqwest::Method;
use serde_json::{Value, json};

use super::clients::card;
use super::direct::Direct;

const COUNTERS: usize = 4;

pub(crate) async fn seed(replica: &Direct) {
    for number in 0..COUNTERS {
        let mut card = card(&format!("/counter/{number}"), &format!("Counter {number}"), "counts");
        (card["x_sum"], card["x_steps"]) = (json!(0), json!({}));
        replica.publish(&card).await;
    }
}

/// What one client has added.
pub(crate) struct Tally {
    name: String,
    /// For each counter: steps that certainly count, and those of which nobody knows.
    promised: [u64; COUNTERS],
    uncertain: [u64; COUNTERS],
}

impl Tally {
    pub(crate) fn new(client: usize) -> Tally {
        Tally { name: format!("c{client}"), promised: [0; COUNTERS], uncertain: [0; COUNTERS] }
    }

    /// One step, if nobody else was quicker; the status of its last answer.
    pub(crate) async fn add_one(&mut self, caller: &Caller, counter: usize) -> u16 {
        let path = format!("/api/agents/counter/{counter}");
        let read = caller.get(&path).await;
        if read.status != 200 {
            return read.status.as_u16();
        }
        let (sum, steps) = (read.body["x_sum"].as_u64(), read.body["x_steps"][&self.name].as_u64());
        let (sum, steps) = (sum.expect("a number"), steps.unwrap_or_default());
        let body = json!({"x_sum": sum + 1, "x_steps": {&self.name: steps + 1}}).to_string();
        let tag = read.header("etag").to_owned();
        let answer = caller.send(Method::PATCH, &path, Some(&body), &[("If-Match", &tag)]).await;
        match answer.status.as_u16() {
            200 => {
                // It was read with the tag that was still the newest: all promised steps were in it.
                assert!(steps >= self.promised[counter], "{path}: a step of {} is lost", self.name);
                self.promised[counter] += 1;
            }
            412 => {}
            _ => self.uncertain[counter] += 1,
        }
        answer.status.as_u16()
    }
}

/// Every sum is the sum of its steps, and of every client as many as it was promised.
pub(crate) async fn must_add_up(replica: &Direct, tallies: &[Tally]) {
    let mut total = 0;
    for counter in 0..COUNTERS {
        let path = format!("/api/agents/counter/{counter}");
        let card = replica.send("GET", &path, None).await.expect("it answers").body;
        let steps = |tally: &Tally| card["x_steps"][&tally.name].as_u64().unwrap_or_default();
        for tally in tallies {
            let (least, most) = (tally.promised[counter], tally.promised[counter] + tally.uncertain[counter]);
            let held = steps(tally);
            assert!((least..=most).contains(&held), "{path}, {}: {least} ≤ {held} ≤ {most}", tally.name);
        }
        let sum: u64 = tallies.iter().map(steps).sum();
        assert_eq!(card["x_sum"], Value::from(sum), "{path}");
        total += sum;
    }
    assert!(total > 200, "there was something to lose: {total}");
}
