//! `agent test` and `agent test-all`: does an agent do what its card says?

mod checks;
mod dialect;
mod differences;
mod own_card;
mod probe;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use access::Action;
use catalog::EntryPath;
use serde_json::{Map, Value, json};

use self::checks::{Check, Examination, Verdict};
use self::dialect::Reading;
use self::own_card::{Card, Own, Reach};
use super::list::every_enabled;
use super::options::{Patience, Test, TestAll};
use crate::credentials::Needs;
use crate::entries::AGENT;
use crate::gateway::{Call, Session};
use crate::http::{Http, Method, Url};
use crate::options::Remote;
use crate::outcome::{Exit, Failure, Report};
use crate::plain::plain;
use crate::progress::Waiting;

/// Tests one agent.
pub(super) fn one(options: &Test, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let session = Session::open(remote, &[Needs::on(Action::GetAgent, options.path.clone())])?;
    let waiting = Waiting::on(format!("waiting for the card of {}", options.path));
    let card = registered(&session, &options.path)?;
    let path = options.path.as_str();
    waiting.now_on(&format!("waiting for the agent of {path}"));
    // Whoever names an agent means to call it.
    let reach = Reach { any_port: true, private: true };
    let examination = examine(session.http(), path, &card, reach, options.patience.time());
    drop(waiting);
    let text = if json { format!("{}\n", examination.json()) } else { examination.text() };
    let exit = match (examination.reachable, examination.passed()) {
        (false, _) => Exit::Unreachable,
        (true, false) => Exit::Refused,
        (true, true) => Exit::Done,
    };
    Ok(Report { text, exit })
}

/// Tests every enabled agent the caller sees, several at once.
pub(super) fn all(options: &TestAll, remote: &Remote, json: bool) -> Result<Report, Failure> {
    let session = Session::open(remote, &[Needs::to(Action::ListAgents), Needs::to(Action::GetAgent)])?;
    let waiting = Waiting::on("waiting for the list of agents");
    // All cards first: the token may not outlive the tests.
    let mut work = VecDeque::new();
    for path in every_enabled(&session)? {
        waiting.now_on(&format!("waiting for the card of {path}"));
        match registered(&session, &path) {
            Err(failure) if failure.exit != Exit::Refused => return Err(failure),
            card => work.push_back((path, card)),
        }
    }
    let count = work.len();
    let reach = Reach { any_port: false, private: options.allow_private };
    let (work, examined) = (Mutex::new(work), Mutex::new(Vec::new()));
    let job = || {
        while let Some((path, card)) = locked(&work).pop_front() {
            let examination = match card {
                Ok(card) => examine(session.http(), path.as_str(), &card, reach, options.patience.time()),
                Err(failure) => Examination::untold(path.as_str(), failure.message),
            };
            let mut examined = locked(&examined);
            examined.push(examination);
            waiting.now_on(&format!("tested {} of {count} agents", examined.len()));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..usize::from(options.jobs).min(count) {
            scope.spawn(job);
        }
    });
    drop(waiting);
    let mut examined = examined.into_inner().unwrap_or_else(PoisonError::into_inner);
    examined.sort_by(|one, other| one.path.cmp(&other.path));
    let text = if json {
        let agents: Vec<Value> = examined.iter().map(Examination::json).collect();
        format!("{}\n", json!({ "agents": agents }))
    } else {
        checks::summary(&examined)
    };
    let exit = if examined.iter().all(Examination::passed) { Exit::Done } else { Exit::Refused };
    Ok(Report { text, exit })
}

impl Patience {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// A thread that panicked leaves its list as whole as it was.
fn locked<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The card as the registry holds it.
fn registered(session: &Session<'_>, path: &EntryPath) -> Result<Map<String, Value>, Failure> {
    session.ask_unseen(Call::new(Method::GET, AGENT.address(path)))?.read()
}

/// Asks the agent itself, without any credentials.
fn examine(
    http: &Http,
    path: &str,
    registered: &Map<String, Value>,
    reach: Reach,
    patience: Duration,
) -> Examination {
    let told = registered.get("url").and_then(Value::as_str).unwrap_or_default();
    let mut examination = Examination::new(path, told);
    let Some(url) = Url::parse(told).ok().filter(Url::has_host) else {
        examination.add(Check::new("card", Verdict::Failed, "the registered url is none"));
        return examination;
    };
    let card = match own_card::fetch(http, &url, reach, patience) {
        Own::Silent(why) => {
            examination.reachable = false;
            examination.add(Check::new("card", Verdict::Failed, plain(&why)));
            return examination;
        }
        Own::Guarded(place) => {
            let says = format!("{place} wants credentials: nothing more can be said");
            examination.add(Check::new("card", Verdict::Warning, says));
            return examination;
        }
        Own::None(why) => {
            examination.add(Check::new("card", Verdict::Failed, plain(&why)));
            return examination;
        }
        Own::Card(card) => card,
    };
    let interfaces = compare(&card, registered, &mut examination);
    for interface in interfaces.to_ask() {
        examination.add(probe::ask(http, &url, reach, interface, patience));
    }
    if let Some(silent) = interfaces.not_asked() {
        examination.add(Check::new("protocol", Verdict::Skipped, silent));
    }
    examination
}

/// The agent's own card beside the registered one.
fn compare(card: &Card, registered: &Map<String, Value>, examination: &mut Examination) -> Reading {
    examination.add(Check::new("card", Verdict::Passed, card.place.as_str()));
    let reading = dialect::read(&card.fields);
    examination.add(reading.check());
    for difference in differences::find(registered, &card.fields, &reading) {
        examination.add(Check::new("same", Verdict::Warning, difference));
    }
    reading
}
