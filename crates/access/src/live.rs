//! The policy in force, and how another takes its place: whole, or not at all.
//!
//! Both servers hold one of these. A file with a fault changes nothing but what is said of
//! it, so a broken edit never opens anything and never takes anything away.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{Fault, Policy};

/// A policy that can be replaced while others decide with it.
#[derive(Debug)]
pub struct LivePolicy {
    state: ArcSwap<PolicyState>,
    strict: bool,
}

/// The policy in force and what is known of its file. Times are seconds since the epoch.
#[derive(Clone, Debug)]
pub struct PolicyState {
    /// What decides.
    pub policy: Arc<Policy>,
    /// When it came into force.
    pub loaded_at: u64,
    /// Why the file's newest content is not in force; empty when it is.
    pub faults: Vec<Fault>,
    /// How many contents have come into force, the first included.
    pub generation: u64,
}

/// What became of an offered content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is in force.
    Loaded,
    /// It was in force already.
    Unchanged,
    /// It has faults; the policy before stays in force.
    Refused,
}

impl LivePolicy {
    /// Starts with a policy that has been read. `strict` treats later slips as faults too.
    pub fn new(policy: Policy, strict: bool, now: u64) -> LivePolicy {
        let state =
            PolicyState { policy: Arc::new(policy), loaded_at: now, faults: Vec::new(), generation: 1 };
        LivePolicy { state: ArcSwap::from_pointee(state), strict }
    }

    /// The policy in force.
    pub fn current(&self) -> Arc<Policy> {
        self.state.load().policy.clone()
    }

    /// The policy in force with what is known of its file.
    pub fn state(&self) -> Arc<PolicyState> {
        self.state.load_full()
    }

    /// Offers the file's new content. Calls must not overlap: one task watches the file.
    pub fn offer(&self, text: &str, now: u64) -> Offered {
        let before = self.state.load_full();
        let read = Policy::read(text, self.strict);
        let (offered, state) = match read {
            Ok(policy) if policy.version() == before.policy.version() => {
                (Offered::Unchanged, PolicyState { faults: Vec::new(), ..PolicyState::clone(&before) })
            }
            Ok(policy) => {
                let generation = before.generation + 1;
                let policy = Arc::new(policy);
                (Offered::Loaded, PolicyState { policy, loaded_at: now, faults: Vec::new(), generation })
            }
            Err(faults) => (Offered::Refused, PolicyState { faults, ..PolicyState::clone(&before) }),
        };
        self.state.store(Arc::new(state));
        offered
    }

    /// Takes what a look at the file gave: its content, or why it cannot be read.
    ///
    /// # Errors
    /// What keeps the newest content out of force, for the log.
    pub fn take(&self, read: Result<String, String>, now: u64) -> Result<Offered, Vec<Fault>> {
        let offered = match read {
            Ok(text) => self.offer(&text, now),
            Err(reason) => {
                self.unreadable(&reason);
                Offered::Refused
            }
        };
        if offered == Offered::Refused { Err(self.state().faults.clone()) } else { Ok(offered) }
    }

    /// Says that the file could not be read at all; the policy before stays in force.
    fn unreadable(&self, reason: &str) {
        let before = self.state.load_full();
        let faults =
            vec![Fault { line: 0, column: 0, message: format!("the file cannot be read: {reason}") }];
        self.state.store(Arc::new(PolicyState { faults, ..PolicyState::clone(&before) }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faulty_content_changes_only_what_is_said() {
        let live = LivePolicy::new(Policy::parse("a: []\n").expect("right"), false, 1);
        let first = live.current();
        assert_eq!(live.offer("a: [}", 2), Offered::Refused);
        assert_eq!(live.current().version(), first.version());
        assert_eq!((live.state().loaded_at, live.state().faults.len(), live.state().generation), (1, 1, 1));
        assert_eq!(live.offer("a: []\n", 3), Offered::Unchanged);
        assert!(live.state().faults.is_empty(), "the old content is back, and right");
        assert_eq!(live.offer("b: []\n", 4), Offered::Loaded);
        assert_eq!((live.state().loaded_at, live.state().generation), (4, 2));
        assert_eq!(live.take(Err("gone".into()), 5).expect_err("refused").len(), 1);
        assert_eq!(live.state().faults.len(), 1);
        assert_ne!(live.current().version(), first.version());
    }

    #[test]
    fn an_emptied_file_changes_nothing() {
        let live = LivePolicy::new(Policy::parse("a: []\n").expect("right"), false, 1);
        for text in ["", "\n\n", "# only a remark\n"] {
            assert_eq!(live.offer(text, 2), Offered::Refused, "{text:?}");
        }
        assert_eq!(live.offer("UI-Scopes: {}\n", 2), Offered::Loaded);
    }

    #[test]
    fn strict_means_slips_too() {
        let slip = "group_mappings: {a: [nowhere]}\n";
        for (strict, offered) in [(false, Offered::Loaded), (true, Offered::Refused)] {
            let live = LivePolicy::new(Policy::parse("").expect("right"), strict, 1);
            assert_eq!(live.offer(slip, 2), offered);
        }
    }
}
