//! How much is under way to each server: a slow one fills its own places and nobody else's, and one caller
//! cannot take them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Streams to listen to, for each call that a server may have at a time: most sessions hold one all their
/// life and cost the server next to nothing.
const STREAMS_PER_CALL: usize = 8;
/// Streams of one caller with one server, at most.
const STREAMS_OF_ONE: usize = 16;

/// What a server is asked for, as far as its places go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand<'c> {
    /// Something that is answered, by this caller; he has half of the places at most.
    Call(&'c str),
    /// A stream to listen to, for this caller.
    Stream(&'c str),
    /// Our own look at it: it must be possible when everything is taken.
    Check,
}

/// What a place is counted under: the server, whether it is a stream, and the caller or everybody.
type Key = (String, bool, Option<String>);

/// Who is being called, and how often at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<Key, usize>>>);

impl Places {
    /// Takes one of a server's places, of which there are so many for calls; none when they are taken.
    pub(super) fn enter(&self, server: &str, most: usize, errand: Errand<'_>) -> Option<Place> {
        let (stream, caller, all, own) = match errand {
            Errand::Call(caller) => (false, caller, most, most.div_ceil(2)),
            Errand::Stream(caller) => (true, caller, most.saturating_mul(STREAMS_PER_CALL), STREAMS_OF_ONE),
            Errand::Check => return Some(Place { places: self.clone(), keys: Vec::new() }),
        };
        let keys =
            vec![(server.to_owned(), stream, None), (server.to_owned(), stream, Some(caller.to_owned()))];
        let mut taken = self.lock();
        let count = |key: &Key| taken.get(key).copied().unwrap_or_default();
        if count(&keys[0]) >= all || count(&keys[1]) >= own {
            return None;
        }
        for key in &keys {
            *taken.entry(key.clone()).or_default() += 1;
        }
        Some(Place { places: self.clone(), keys })
    }

    /// How many are taken, of all servers.
    pub(super) fn taken(&self) -> usize {
        self.lock().iter().filter(|((_, _, caller), _)| caller.is_none()).map(|(_, count)| count).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    keys: Vec<Key>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        for key in &self.keys {
            if let Some(count) = taken.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    taken.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Errand::{Call, Check, Stream};
    use super::*;

    #[test]
    fn each_server_has_its_own_places_and_gets_them_back() {
        let places = Places::default();
        let enter = |server: &str, errand| places.enter(server, 2, errand);
        let (first, _second) = (enter("a", Call("x")).expect("free"), enter("a", Call("y")).expect("free"));
        assert!(enter("a", Call("z")).is_none());
        assert!(enter("a", Check).is_some(), "a look is always possible");
        assert!(enter("a", Stream("x")).is_some(), "streams take no call's place");
        assert!(enter("b", Call("x")).is_some(), "another server's places are its own");
        drop(first);
        assert!(places.enter("a", 1, Call("z")).is_none(), "the limit of now counts");
        assert!(enter("a", Call("z")).is_some());
        assert_eq!(places.taken(), 1);
    }

    #[test]
    fn one_caller_leaves_room_for_others() {
        let places = Places::default();
        let calls: Vec<_> = std::iter::from_fn(|| places.enter("a", 10, Call("x"))).collect();
        assert_eq!(calls.len(), 5);
        assert!(places.enter("a", 10, Call("y")).is_some());
        let streams: Vec<_> = std::iter::from_fn(|| places.enter("a", 10, Stream("x"))).collect();
        assert_eq!(streams.len(), STREAMS_OF_ONE);
        assert!(places.enter("a", 10, Stream("y")).is_some());
        drop((calls, streams));
        assert_eq!(places.taken(), 0);
    }
}
