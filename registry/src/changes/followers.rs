//! How many follow the changes at a time: each costs a connection, and a wake-up for every change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// What followers may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowLimits {
    /// Streams in all.
    pub streams: usize,
    /// Streams of one user.
    pub per_user: usize,
    /// After so much silence a stream says that it is still there.
    pub heartbeat: Duration,
}

impl Default for FollowLimits {
    fn default() -> FollowLimits {
        FollowLimits { streams: 1024, per_user: 16, heartbeat: Duration::from_secs(15) }
    }
}

/// Who follows the changes now.
#[derive(Clone, Debug)]
pub struct Followers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: FollowLimits,
    /// Open streams by username.
    open: Mutex<HashMap<String, usize>>,
    /// Whether all of them are to end.
    over: watch::Sender<bool>,
}

impl Default for Followers {
    fn default() -> Followers {
        Followers::new(FollowLimits::default())
    }
}

impl Followers {
    /// Nobody yet.
    pub fn new(limits: FollowLimits) -> Followers {
        Followers(Arc::new(Inner { limits, open: Mutex::default(), over: watch::Sender::new(false) }))
    }

    /// Ends every stream, also those that are about to begin: a stop must not wait for them.
    pub fn end(&self) {
        self.0.over.send_replace(true);
    }

    pub(crate) fn limits(&self) -> FollowLimits {
        self.0.limits
    }

    /// How many streams are open.
    pub(crate) fn count(&self) -> usize {
        self.0.open().values().sum()
    }

    /// Takes a place for one more stream.
    ///
    /// # Errors
    /// A sentence that says what is full.
    pub(super) fn enter(&self, username: &str) -> Result<Place, String> {
        let FollowLimits { streams, per_user, .. } = self.0.limits;
        let mut open = self.0.open();
        if open.values().sum::<usize>() >= streams {
            return Err(format!("{streams} streams of changes are open, more are not kept: try again later"));
        }
        if open.get(username).is_some_and(|held| *held >= per_user) {
            return Err(format!("{per_user} streams of changes are open under your name: close one first"));
        }
        *open.entry(username.to_owned()).or_default() += 1;
        let over = self.0.over.subscribe();
        Ok(Place { followers: self.0.clone(), username: username.to_owned(), over })
    }
}

impl Inner {
    fn open(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one stream; it is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    followers: Arc<Inner>,
    username: String,
    /// Becomes true when the stream is to end.
    pub(super) over: watch::Receiver<bool>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.followers.open();
        if let Some(held) = open.get_mut(&self.username) {
            *held -= 1;
            if *held == 0 {
                open.remove(&self.username);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_come_back() {
        let limits = FollowLimits { streams: 3, per_user: 2, ..FollowLimits::default() };
        let followers = Followers::new(limits);
        let (first, _second) = (followers.enter("a").expect("free"), followers.enter("a").expect("free"));
        assert!(followers.enter("a").expect_err("two are hers").starts_with("2 streams"));
        let _third = followers.enter("b").expect("free");
        assert!(followers.enter("c").expect_err("three are all").starts_with("3 streams"));
        drop(first);
        assert_eq!(followers.count(), 2);
        followers.enter("c").expect("free again");
        assert_eq!(followers.count(), 2, "a place that is dropped is free");
    }
}
