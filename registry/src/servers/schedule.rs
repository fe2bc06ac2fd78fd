//! Asking every enabled server again and again: each in its own time, a few at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::{EntryPath, ServerEntry};
use tokio::task::{Id, JoinSet};

use super::check::check;
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
        let plan = Plan::of(&app, &under_way.values().cloned().collect::<Vec<_>>(), now);
        for server in plan.now {
            let (path, failing) = (server.path.clone(), is_failing(&app, &server));
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
pub(super) struct Plan {
    /// Who is to be asked now.
    pub(super) now: Vec<Arc<ServerEntry>>,
    /// When the next one is to be asked; `None` while every place is taken, or when there is no next one.
    pub(super) next: Option<u64>,
}

impl Plan {
    /// The plan while these are being asked, each with whether it failed last time.
    pub(super) fn of(app: &App, under_way: &[(EntryPath, bool)], now: u64) -> Plan {
        let servers = app.servers.catalogue();
        app.health.keep(|path| servers.get(path).is_some());
        let busy: HashSet<&EntryPath> = under_way.iter().map(|(path, _)| path).collect();
        let waiting = servers.iter().filter(|server| server.enabled && !busy.contains(&server.path));
        let mut waiting: Vec<(u64, &Arc<ServerEntry>)> =
            waiting.map(|server| (app.health.due(server), server)).collect();
        waiting.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.path.cmp(&other.1.path)));
        let mut free = AT_A_TIME.saturating_sub(under_way.len());
        let mut free_for_failing =
            FAILING.saturating_sub(under_way.iter().filter(|(_, failing)| *failing).count());
        let mut plan = Plan { now: Vec::new(), next: None };
        for (due, server) in waiting {
            if due > now {
                plan.next = Some(due);
                break;
            }
            let failing = is_failing(app, server);
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

fn is_failing(app: &App, server: &ServerEntry) -> bool {
    app.health.last(server).is_some_and(|checked| checked.failures > 0)
}
