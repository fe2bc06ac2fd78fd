//! Asking every enabled server again and again: each in its own time, a few at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::{EntryPath, ServerEntry};
use tokio::task::{Id, JoinSet};

use super::check::check;
use super::health::Health;
use crate::App;

/// Servers that are asked at a time.
const AT_A_TIME: usize = 4;
/// Of these, servers that failed when they were asked last: each of them may keep its place for as long as a
/// check may take, and one place is always for the others.
const FAILING: usize = 3;

/// Asks the enabled servers of the store, until the store is closed. What changes there is noticed at once: a
/// server that is enabled, or lives elsewhere, is asked at once.
pub async fn keep_asking(app: Arc<App>) {
    let mut changes = app.servers.follow();
    let mut asked: JoinSet<()> = JoinSet::new();
    let mut under_way: HashMap<Id, (EntryPath, bool)> = HashMap::new();
    loop {
        let now = (app.clock)();
        let servers = app.servers.catalogue();
        app.health.keep(|path| servers.get(path).is_some());
        let plan = Plan::of(servers.iter(), &app.health, under_way.values(), now);
        for server in plan.now {
            let (path, failing) = (server.path.clone(), is_failing(&app.health, &server));
            let app = app.clone();
            let task = asked.spawn(async move {
                check(&app, &server).await;
            });
            under_way.insert(task.id(), (path, failing));
        }
        let pause =
            plan.next.map_or(Duration::MAX, |next| Duration::from_secs(next.saturating_sub(now).max(1)));
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            Some(done) = asked.join_next_with_id() => {
                let id = done.map_or_else(|broken| broken.id(), |(id, ())| id);
                under_way.remove(&id);
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What is to be done.
struct Plan {
    /// Who is to be asked now.
    now: Vec<Arc<ServerEntry>>,
    /// When the next one is to be asked; `None` while every place is taken, or when there is no next one.
    next: Option<u64>,
}

impl Plan {
    /// The plan for these servers while some are being asked, each of those with whether it failed last time.
    fn of<'a>(
        servers: impl Iterator<Item = &'a Arc<ServerEntry>>,
        health: &Health,
        under_way: impl Iterator<Item = &'a (EntryPath, bool)>,
        now: u64,
    ) -> Plan {
        let (mut busy, mut failing) = (HashSet::new(), 0);
        for (path, failed) in under_way {
            busy.insert(path);
            failing += usize::from(*failed);
        }
        let mut waiting: Vec<(u64, &Arc<ServerEntry>)> = servers
            .filter(|server| server.enabled && !busy.contains(&server.path))
            .map(|server| (health.due(server), server))
            .collect();
        waiting.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.path.cmp(&other.1.path)));
        let mut free = AT_A_TIME.saturating_sub(busy.len());
        let mut free_for_failing = FAILING.saturating_sub(failing);
        let mut plan = Plan { now: Vec::new(), next: None };
        for (due, server) in waiting {
            if due > now {
                plan.next = Some(due);
                break;
            }
            let failing = is_failing(health, server);
            if free == 0 || (failing && free_for_failing == 0) {
                continue;
            }
            free -= 1;
            free_for_failing -= usize::from(failing);
            plan.now.push(server.clone());
        }
        plan
    }
}

fn is_failing(health: &Health, server: &ServerEntry) -> bool {
    health.last(server).is_some_and(|checked| checked.failures > 0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use catalog::{CardRules, ServerDraft};
    use serde_json::json;

    use super::*;

    fn server(name: &str, port: u16) -> Arc<ServerEntry> {
        let card = json!({"server_name": name, "description": "d", "proxy_pass_url": format!("http://localhost:{port}/")});
        let card = card.as_object().expect("an object").clone();
        let draft = ServerDraft::read(card, CardRules::default()).expect("no fault");
        let sealed = draft.seal(|_, value| Ok::<_, ()>(value.to_owned())).expect("nothing to seal");
        let entry = sealed.into_new_entry("me", "now").expect("an entry");
        Arc::new(entry.toggled(true, "now").expect("an entry"))
    }

    /// A memory whose chances a test has laid out.
    fn health(chances: &[f64]) -> Health {
        let chances: Vec<f64> = chances.to_vec();
        let drawn = AtomicUsize::new(0);
        let chance = move || chances[drawn.fetch_add(1, Ordering::Relaxed) % chances.len()];
        Health::new(Duration::from_secs(300), Arc::new(chance))
    }

    fn plan(
        servers: &[Arc<ServerEntry>],
        health: &Health,
        under_way: &[(EntryPath, bool)],
        now: u64,
    ) -> (String, Option<u64>) {
        let Plan { now, next } = Plan::of(servers.iter(), health, under_way.iter(), now);
        let names: Vec<&str> = now.iter().map(|server| server.policy_name()).collect();
        (names.join(" "), next)
    }

    fn told(names: &str, next: Option<u64>) -> (String, Option<u64>) {
        (names.to_owned(), next)
    }

    #[test]
    fn each_server_is_asked_in_its_own_time() {
        let servers: Vec<_> = ["a", "b", "c"].map(|name| server(name, 1)).into();
        let health = health(&[0.0, 0.5, 1.0]);
        assert_eq!(plan(&servers, &health, &[], 1000), told("a b c", None), "nothing is known yet");
        for server in &servers {
            health.note(server, 1000, None);
        }
        // 300 seconds, and a fifth less or more.
        assert_eq!(plan(&servers, &health, &[], 1000), told("", Some(1240)));
        assert_eq!(plan(&servers, &health, &[], 1240), told("a", Some(1300)));
        assert_eq!(plan(&servers, &health, &[], 1300), told("a b", Some(1360)));
        assert_eq!(plan(&servers, &health, &[], 1400), told("a b c", None));
        let busy = [(servers[0].path.clone(), false)];
        assert_eq!(plan(&servers, &health, &busy, 1400), told("b c", None), "never two at a time");
    }

    #[test]
    fn one_that_fails_is_asked_less_and_less_and_at_once_when_it_moves() {
        let health = health(&[0.5]);
        let server = server("a", 1);
        let mut now = 0;
        for wait in [600, 1200, 2400, 3600, 3600] {
            health.note(&server, now, Some("down".into()));
            now += wait;
            let servers = [server.clone()];
            assert_eq!(plan(&servers, &health, &[], now - 1), told("", Some(now)));
            assert_eq!(plan(&servers, &health, &[], now), told("a", None));
        }
        let moved = [self::server("a", 2)];
        health.note(&server, now, Some("down".into()));
        assert_eq!(plan(&moved, &health, &[], now), told("a", None), "another address is another server");
        health.note(&moved[0], now, None);
        assert_eq!(
            plan(&moved, &health, &[], now),
            told("", Some(now + 300)),
            "and its failures are none of it"
        );
        let disabled = [Arc::new(server.toggled(false, "now").expect("an entry"))];
        assert_eq!(plan(&disabled, &health, &[], now), told("", None));
    }

    #[test]
    fn the_broken_never_take_every_place() {
        let broken: Vec<_> = (0..6).map(|number| server(&format!("broken-{number}"), 1)).collect();
        let health = health(&[0.5]);
        for server in &broken {
            health.note(server, 0, Some("silent".into()));
        }
        let well = server("well", 1);
        health.note(&well, 9000, None);
        let all: Vec<_> = broken.iter().cloned().chain([well]).collect();
        assert_eq!(plan(&all, &health, &[], 9300), told("broken-0 broken-1 broken-2 well", None));
        let busy: Vec<_> = broken[..3].iter().map(|server| (server.path.clone(), true)).collect();
        assert_eq!(plan(&all, &health, &busy, 9300), told("well", None), "while three of them keep silent");
    }
}
