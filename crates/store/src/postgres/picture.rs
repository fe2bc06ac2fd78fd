//! What this replica shows: a picture that changes only in the order of the changes, and how old it may be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use catalog::AgentEntry;
use tokio::sync::watch;

use crate::{Catalogue, Change};

/// A change, and what lives at its path since.
pub(super) struct Step {
    pub(super) change: Change,
    pub(super) after: After,
}

/// What lives at the path of a change since.
pub(super) enum After {
    /// Nothing.
    Gone,
    /// This.
    Is(Arc<AgentEntry>),
    /// Something that a later change of the same reading has replaced.
    Passed,
}

/// What is known of the database.
#[derive(Clone)]
pub(super) struct Known {
    /// The picture showed everything that was there at this instant.
    pub(super) at: Instant,
    /// When it was last asked in vain.
    pub(super) missed: Option<Instant>,
    /// Why it is not reached; none when it was at the last try.
    pub(super) fault: Option<String>,
}

/// The picture.
pub(super) struct Picture {
    current: ArcSwap<Catalogue>,
    /// Changes that are known before one of those that come before them.
    early: Mutex<BTreeMap<u64, Step>>,
    latest: watch::Sender<u64>,
    known: watch::Sender<Known>,
}

impl Picture {
    /// The picture as it was read at this instant.
    pub(super) fn new(catalogue: Catalogue, at: Instant) -> Picture {
        Picture {
            latest: watch::Sender::new(catalogue.changes().last()),
            current: ArcSwap::from_pointee(catalogue),
            early: Mutex::default(),
            known: watch::Sender::new(Known { at, missed: None, fault: None }),
        }
    }

    /// As of now.
    pub(super) fn current(&self) -> Arc<Catalogue> {
        self.current.load_full()
    }

    /// The number of the latest change it shows.
    pub(super) fn last(&self) -> u64 {
        self.current.load().changes().last()
    }

    /// Tells that number whenever it grows.
    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// Tells what is known of the database.
    pub(super) fn known(&self) -> watch::Receiver<Known> {
        self.known.subscribe()
    }

    /// How old it may be.
    pub(super) fn lag(&self) -> Duration {
        self.known.borrow().at.elapsed()
    }

    /// Why the database is not reached.
    pub(super) fn fault(&self) -> Option<String> {
        self.known.borrow().fault.clone()
    }

    /// Shows these changes, each in its turn; those whose turn has not come are kept. Says whether all of
    /// them are shown now.
    pub(super) fn take(&self, steps: Vec<Step>) -> bool {
        let mut early = self.writing();
        early.extend(steps.into_iter().map(|step| (step.change.number, step)));
        let catalogue = Catalogue::clone(&self.current.load());
        self.show(catalogue, &mut early);
        early.is_empty()
    }

    /// Shows another one, which was read as a whole.
    pub(super) fn replace(&self, catalogue: Catalogue) {
        let mut early = self.writing();
        self.show(catalogue, &mut early);
    }

    /// The picture shows what was there at this instant.
    pub(super) fn reached(&self, at: Instant) {
        self.known.send_modify(|known| {
            known.at = known.at.max(at);
            known.fault = None;
        });
    }

    /// The database was not reached.
    pub(super) fn missed(&self, reason: &str) {
        self.known.send_modify(|known| {
            known.missed = Some(Instant::now());
            known.fault = Some(reason.to_owned());
        });
    }

    fn show(&self, mut catalogue: Catalogue, early: &mut BTreeMap<u64, Step>) {
        let mut last = catalogue.changes().last();
        // What is shown already was read by both: by who wrote it, and by who followed.
        *early = early.split_off(&(last + 1));
        while let Some(Step { change, after }) = early.remove(&(last + 1)) {
            last += 1;
            let entry = match after {
                After::Gone => None,
                After::Is(entry) => Some(entry),
                After::Passed => catalogue.get(&change.path).cloned(),
            };
            catalogue.apply(change, entry);
        }
        self.current.store(Arc::new(catalogue));
        self.latest.send_if_modified(|latest| std::mem::replace(latest, last) != last);
    }

    fn writing(&self) -> MutexGuard<'_, BTreeMap<u64, Step>> {
        // Steps that cannot panic halfway.
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
