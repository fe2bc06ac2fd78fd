//! What this replica shows: a picture that changes only in the order of the changes, and how old it may be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use catalog::{Entry, EntryPath};
use tokio::sync::watch;

use super::rows;
use crate::{Catalogue, Change};

/// A change, and what lives at its path since.
pub(super) struct Step<E> {
    pub(super) number: u64,
    /// Where; none when that is no path, and nothing can be shown there.
    pub(super) path: Option<EntryPath>,
    /// Who, when, what; none when it cannot be read.
    pub(super) change: Option<Change>,
    pub(super) after: After<E>,
}

/// What became of steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// All that were given, and all before them, are shown.
    pub(super) all_shown: bool,
    /// One of their numbers is shown already, as another change.
    pub(super) differs: bool,
    /// One of their numbers is shown already, and forgotten by now.
    pub(super) forgotten: bool,
}

/// What lives at the path of a change since.
pub(super) enum After<E> {
    /// Nothing.
    Gone,
    /// This.
    Is(Arc<E>),
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
pub(super) struct Picture<E: Entry> {
    current: ArcSwap<Catalogue<E>>,
    /// Changes that are known before one of those that come before them.
    early: Mutex<BTreeMap<u64, Step<E>>>,
    latest: watch::Sender<u64>,
    known: watch::Sender<Known>,
}

impl<E: Entry> Picture<E> {
    /// The picture as it was read at this instant.
    pub(super) fn new(catalogue: Catalogue<E>, at: Instant) -> Picture<E> {
        Picture {
            latest: watch::Sender::new(catalogue.changes().last()),
            current: ArcSwap::from_pointee(catalogue),
            early: Mutex::default(),
            known: watch::Sender::new(Known { at, missed: None, fault: None }),
        }
    }

    /// As of now.
    pub(super) fn current(&self) -> Arc<Catalogue<E>> {
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

    /// Shows these changes, each in its turn; those whose turn has not come are kept.
    pub(super) fn take(&self, steps: Vec<Step<E>>) -> Taken {
        let mut early = self.writing();
        let catalogue = Catalogue::clone(&self.current.load());
        let (mut differs, mut forgotten) = (false, false);
        let last = catalogue.changes().last();
        for Step { number, change, .. } in steps.iter().filter(|step| step.number <= last) {
            match (catalogue.changes().at(*number), change) {
                (Some(held), Some(change)) => differs |= !rows::is_same(held, change),
                (None, Some(_)) => forgotten = true,
                (Some(_), None) => differs = true,
                (None, None) => {}
            }
        }
        early.extend(steps.into_iter().map(|step| (step.number, step)));
        self.show(catalogue, &mut early);
        Taken { all_shown: early.is_empty(), differs, forgotten }
    }

    /// Shows another one, which was read as a whole, and says whether it does: what has gone on meanwhile does
    /// not go back, unless the database is another one. What is kept for its turn is of the former one then.
    pub(super) fn replace(&self, catalogue: Catalogue<E>, is_another: bool) -> bool {
        let mut early = self.writing();
        if is_another {
            early.clear();
        } else if catalogue.changes().last() < self.last() {
            return false;
        }
        self.show(catalogue, &mut early);
        true
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

    fn show(&self, mut catalogue: Catalogue<E>, early: &mut BTreeMap<u64, Step<E>>) {
        let mut last = catalogue.changes().last();
        // What is shown already was read by both: by who wrote it, and by who followed.
        *early = early.split_off(&(last + 1));
        while let Some(step) = early.remove(&(last + 1)) {
            last += 1;
            apply(&mut catalogue, step);
        }
        self.current.store(Arc::new(catalogue));
        self.latest.send_if_modified(|latest| std::mem::replace(latest, last) != last);
    }

    fn writing(&self) -> MutexGuard<'_, BTreeMap<u64, Step<E>>> {
        // Steps that cannot panic halfway.
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply<E: Entry>(catalogue: &mut Catalogue<E>, Step { number, path, change, after }: Step<E>) {
    let entry = match (after, &path) {
        (After::Is(entry), _) => Some(entry),
        (After::Passed, Some(path)) => catalogue.get(path).cloned(),
        (After::Gone, _) | (After::Passed, None) => None,
    };
    match change {
        Some(change) => catalogue.apply(change, entry),
        None => {
            match (entry, path) {
                (Some(entry), _) => catalogue.put(entry),
                (None, Some(path)) => catalogue.take(&path),
                (None, None) => {}
            }
            // Who could see the entry until then is not known: everybody who follows reads everything.
            catalogue.changes_mut().skip_to(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChangeLog, HistoryLimits};

    #[test]
    fn what_is_shown_goes_back_only_with_the_database() {
        let at =
            |last| Catalogue::<catalog::AgentEntry>::with(ChangeLog::after(last, HistoryLimits::default()));
        let picture = Picture::new(at(11), Instant::now());
        assert!(!picture.replace(at(10), false));
        assert_eq!(picture.last(), 11);
        assert!(picture.replace(at(12), false));
        assert!(picture.replace(at(10), true));
        assert_eq!(picture.last(), 10);
    }
}
