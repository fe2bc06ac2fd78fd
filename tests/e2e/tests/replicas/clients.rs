//! Clients of the gateway, each with a token of its own, doing a bit of everything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use e2e::Caller;
use reqwest::Method;
use serde_json::{Value, json};
use xtask::stack::Stack;

use super::Course;
use super::counters::Tally;
use super::direct::Direct;

const SEEDS: usize = 60;

pub(crate) async fn seed(replica: &Direct) {
    for number in 0..SEEDS {
        let trade = ["mends broken bicycles", "translates poems", "bakes bread"][number % 3];
        replica.publish(&card(&format!("/seed/{number}"), &format!("Seed {number}"), trade)).await;
    }
}

pub(crate) fn card(path: &str, name: &str, description: &str) -> Value {
    let skill = json!({"id": "mend", "name": "Mend", "description": "Mends things", "tags": ["repair"]});
    json!({"name": name, "description": description, "path": path, "url": "https://agents.example.com/a",
        "protocol_version": "1.0", "tags": ["bicycles"], "skills": [skill]})
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Works until all is done, and says what it has added to the counters.
pub(crate) async fn work(stack: Arc<Stack>, course: Arc<Course>, number: usize) -> Tally {
    let caller = Caller::sign_in(&stack, "registry-admin").await;
    let (mut dice, mut tally) = (Dice(number as u64), Tally::new(number));
    let (mut own, mut made) = (VecDeque::new(), 0);
    while course.goes_on() {
        let seed = format!("/api/agents/seed/{}", dice.roll(SEEDS));
        let (status, what) = match dice.roll(100) {
            0..40 => (status(&caller, Method::GET, &seed, None).await, "get"),
            40..60 => {
                course.done.fetch_add(1, Ordering::SeqCst);
                (tally.add_one(&caller, dice.roll(4)).await, "count")
            }
            60..72 => {
                let toggle = format!("{seed}/toggle?enabled={}", dice.roll(4) > 0);
                (status(&caller, Method::POST, &toggle, None).await, "toggle")
            }
            72..80 => (status(&caller, Method::GET, "/api/agents?limit=20", None).await, "list"),
            80..86 => {
                made += 1;
                let path = format!("/client-{number}/{made}");
                own.push_back(path.clone());
                let card = card(&path, &format!("Made {made}"), &format!("speciality of client {number}"));
                let target = "/api/agents/register";
                (status(&caller, Method::POST, target, Some(&card)).await, "register")
            }
            86..90 => match own.pop_front() {
                Some(path) => {
                    let target = format!("/api/agents{path}");
                    (status(&caller, Method::DELETE, &target, None).await, "delete")
                }
                None => continue,
            },
            90..96 => {
                let body = json!({"skills": ["mend"], "max_results": 5});
                (status(&caller, Method::POST, "/api/agents/discover", Some(&body)).await, "skills")
            }
            _ => {
                let body = json!({"query": "mends broken bicycles", "max_results": 5});
                let target = "/api/agents/discover/semantic";
                (status(&caller, Method::POST, target, Some(&body)).await, "semantic")
            }
        };
        // 412: somebody else has changed the counter since it was read. 404: his own
        // agent was never registered, because that got 502 or 503.
        // 502: his own was killed under the request. 503: it is cut off from the database. One that loads its model
        // again searches by words.
        let is_write = ["count", "toggle", "register", "delete"].contains(&what);
        let is_right = match status {
            200 | 201 | 204 | 502 => true,
            412 => what == "count",
            404 => what == "delete",
            503 => is_write,
            _ => false,
        };
        assert!(is_right, "{what}: {status}");
        course.done.fetch_add(1, Ordering::SeqCst);
    }
    tally
}

async fn status(caller: &Caller, method: Method, path: &str, body: Option<&Value>) -> u16 {
    let body = body.map(Value::to_string);
    caller.send(method, path, body.as_deref(), &[]).await.status.as_u16()
}
