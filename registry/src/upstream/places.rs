//! How much is under way to each server: a slow one fills its own places and nobody else's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who is being called, and how often at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<String, usize>>>);

impl Places {
    /// Takes one of a server's places; none when so many are taken.
    pub(super) fn enter(&self, server: &str, most: usize) -> Option<Place> {
        let mut taken = self.lock();
        if taken.get(server).is_some_and(|taken| *taken >= most) {
            return None;
        }
        *taken.entry(server.to_owned()).or_default() += 1;
        Some(Place { places: self.clone(), server: server.to_owned() })
    }

    /// How many are taken, of all servers.
    pub(super) fn taken(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    server: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.server) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.server);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_its_own_places_and_gets_them_back() {
        let places = Places::default();
        let (first, _second) = (places.enter("a", 2).expect("free"), places.enter("a", 2).expect("free"));
        assert!(places.enter("a", 2).is_none());
        assert!(places.enter("b", 2).is_some(), "another server's places are its own");
        drop(first);
        assert!(places.enter("a", 1).is_none(), "the limit of now counts");
        assert!(places.enter("a", 2).is_some());
        assert_eq!(places.taken(), 1);
    }
}
