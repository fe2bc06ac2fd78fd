//! What is known of the servers' health: in the memory of this process, from the last time each was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use catalog::{EntryPath, ServerEntry};
use tokio::sync::Semaphore;

use super::place::Place;

/// The longest time until a server that fails is asked again, unless the operator's interval is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Checks that callers have asked for and that are under way, at most.
const ON_DEMAND: usize = 16;

/// How long servers are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a whole check, in all its steps.
    pub check: Duration,
    /// For the first one, while somebody waits for his registration; it goes on in the background.
    pub registration: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { check: Duration::from_secs(20), registration: Duration::from_secs(5) }
    }
}

/// A number from 0 to 1.
pub type Chance = Arc<dyn Fn() -> f64 + Send + Sync>;

/// How a server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not been asked yet, or not where it lives now.
    Unknown,
    /// It told its tools when it was asked last.
    Healthy,
    /// It did not.
    Unhealthy,
    /// It is not to be used.
    Disabled,
}

impl State {
    /// The spelling in answers.
    pub const fn name(self) -> &'static str {
        match self {
            State::Unknown => "unknown",
            State::Healthy => "healthy",
            State::Unhealthy => "unhealthy",
            State::Disabled => "disabled",
        }
    }
}

/// What came of asking a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// When, in seconds since the epoch.
    pub at: u64,
    /// Why it counts as unhealthy; for people, and never with a secret.
    pub reason: Option<String>,
    /// How often it has failed since it was healthy.
    pub(super) failures: u32,
    /// When it is to be asked again.
    due: u64,
    /// Where it lived when it was asked.
    place: Place,
}

impl Checked {
    /// How it was.
    pub fn state(&self) -> State {
        if self.reason.is_none() { State::Healthy } else { State::Unhealthy }
    }
}

/// What is known of all servers.
pub struct Health {
    interval: Duration,
    chance: Chance,
    /// How long servers are waited for.
    pub patience: Patience,
    checked: Mutex<HashMap<EntryPath, Checked>>,
    on_demand: Arc<Semaphore>,
}

impl Health {
    /// Nothing is known yet. A healthy server is asked again after `interval`, give or take a fifth, as
    /// `chance` will have it: so that a hundred servers are not asked in one moment.
    pub fn new(interval: Duration, chance: Chance) -> Health {
        let on_demand = Arc::new(Semaphore::new(ON_DEMAND));
        let patience = Patience::default();
        Health { interval, chance, patience, checked: Mutex::default(), on_demand }
    }

    /// How a server is doing, and what is known of the last time it was asked.
    pub fn of(&self, server: &ServerEntry) -> (State, Option<Checked>) {
        let checked = self.last(server);
        let state = match &checked {
            _ if !server.enabled => State::Disabled,
            Some(checked) => checked.state(),
            None => State::Unknown,
        };
        (state, checked)
    }

    /// What came of asking it last, where it lives now.
    pub(super) fn last(&self, server: &ServerEntry) -> Option<Checked> {
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.get(&server.path).filter(|checked| checked.place == Place::of(server)).cloned()
    }

    /// Notes what came of asking a server.
    pub(super) fn note(&self, server: &ServerEntry, now: u64, fault: Option<String>) -> Checked {
        let before = self.last(server).map_or(0, |before| before.failures);
        let failures = if fault.is_some() { before.saturating_add(1) } else { 0 };
        let wait = wait(self.interval, failures, (self.chance)());
        let place = Place::of(server);
        let checked = Checked { at: now, reason: fault, failures, due: now.saturating_add(wait), place };
        let mut all = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(server.path.clone(), checked.clone());
        checked
    }

    /// When a server is to be asked: at once when nothing is known of it, or it lives elsewhere by now.
    pub(super) fn due(&self, server: &ServerEntry) -> u64 {
        self.last(server).map_or(0, |checked| checked.due)
    }

    /// Forgets every server that this says no to.
    pub(super) fn keep(&self, lives: impl Fn(&EntryPath) -> bool) {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| lives(path));
    }

    /// A turn among the checks that callers have asked for; `None` when there are too many.
    pub(super) fn turn(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        self.on_demand.clone().try_acquire_owned().ok()
    }
}

/// How long until a server is asked again, in seconds: twice as long with each failure.
fn wait(interval: Duration, failures: u32, chance: f64) -> u64 {
    let longest = LONGEST_WAIT.max(interval).as_secs_f64();
    let doubled = interval.as_secs_f64() * 2f64.powi(failures.min(32).try_into().unwrap_or(32));
    let spread = 0.8 + 0.4 * chance.clamp(0.0, 1.0);
    ((doubled.min(longest) * spread) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_with_each_failure_up_to_an_hour() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (interval, failures, chance, seconds) in [
            (minutes(5), 0, 0.5, 300),
            (minutes(5), 0, 0.0, 240),
            (minutes(5), 0, 1.0, 360),
            (minutes(5), 1, 0.5, 600),
            (minutes(5), 2, 0.5, 1200),
            (minutes(5), 4, 0.5, 3600),
            (minutes(5), u32::MAX, 1.0, 4320),
            (minutes(90), 9, 0.5, 5400),
            (Duration::from_millis(1), 0, 0.0, 1),
        ] {
            assert_eq!(wait(interval, failures, chance), seconds, "{interval:?} {failures} {chance}");
        }
    }
}
