//! Keeping the index equal to the stores: one place after the other, or all of them.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use catalog::{Entry, EntryPath};
use search::{Engine, TextHash};
use store::Catalogue;

use super::document::{self, Document, Facts};
use super::key::{Key, Place};
use super::{Indexed, Inner, LANES, State, single_threaded};

impl Inner {
    /// Takes all vectors that other replicas have computed, at once.
    pub(super) fn borrow(&self, engine: &Engine<Facts>) {
        if self.shared.is_none() {
            return;
        }
        let lacking = |place: &Place| lacking(engine, &self.documents(place).1);
        let hashes: Vec<TextHash> = self.places().iter().flat_map(lacking).collect();
        self.borrow_these(engine, &hashes);
    }

    /// Indexes everything on all cores.
    pub(super) fn fill(&self, engine: &Engine<Facts>) {
        let places = self.places();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for part in places.chunks(places.len().div_ceil(cores).max(1)) {
                scope.spawn(|| {
                    single_threaded();
                    part.iter().for_each(|place| self.index(engine, place));
                });
            }
        });
    }

    /// Indexes whatever differs from the stores.
    pub(super) fn sweep(&self) {
        self.stale().iter().for_each(|place| self.follow(place));
    }

    /// Every place where something lives.
    pub(super) fn places(&self) -> Vec<Place> {
        let (agents, servers) = (self.agents.catalogue(), self.servers.catalogue());
        let agents = agents.iter().map(|entry| Place::Agent(entry.path.clone()));
        agents.chain(servers.iter().map(|entry| Place::Server(entry.path.clone()))).collect()
    }

    /// The places where the index differs from the stores.
    pub(super) fn stale(&self) -> Vec<Place> {
        let (agents, servers) = (self.agents.catalogue(), self.servers.catalogue());
        let indexed = self.indexed();
        let is_current = |place: &Place, etag: &str| {
            indexed.get(place).is_some_and(|indexed| indexed.etag.as_deref() == Some(etag))
        };
        let mut stale = Vec::new();
        let mut compare = |place: Place, etag: &str| {
            if !is_current(&place, etag) {
                stale.push(place);
            }
        };
        agents.iter().for_each(|entry| compare(Place::Agent(entry.path.clone()), entry.etag()));
        servers.iter().for_each(|entry| compare(Place::Server(entry.path.clone()), entry.etag()));
        let gone = |place: &&Place| match place {
            Place::Agent(path) => agents.get(path).is_none(),
            Place::Server(path) => servers.get(path).is_none(),
        };
        stale.extend(indexed.keys().filter(gone).cloned());
        stale
    }

    pub(super) fn follow(&self, place: &Place) {
        if let State::Ready(engine) = &**self.state.load() {
            self.index(engine, place);
        }
    }

    /// What the index should hold of a place now, with the entity tag of what lives there, if anything does.
    pub(super) fn documents(&self, place: &Place) -> (Option<String>, Vec<Document>) {
        pub(super) fn told<E: Entry>(
            entries: &Catalogue<E>,
            path: &EntryPath,
            documents: impl FnOnce(&E) -> Vec<Document>,
        ) -> (Option<String>, Vec<Document>) {
            let entry = entries.get(path);
            let etag = entry.map(|entry| entry.etag().to_owned());
            (etag, entry.map(|entry| documents(entry)).unwrap_or_default())
        }
        match place {
            Place::Agent(path) => told(&self.agents.catalogue(), path, document::of_agent),
            Place::Server(path) => told(&self.servers.catalogue(), path, document::of_server),
        }
    }

    pub(super) fn index(&self, engine: &Engine<Facts>, place: &Place) {
        let lane = &self.lanes[self.hasher.hash_one(place) as usize % LANES];
        let _turn = lane.lock().unwrap_or_else(PoisonError::into_inner);
        let (etag, documents) = self.documents(place);
        let keys: HashSet<Key> = documents.iter().map(|document| document.key.clone()).collect();
        let held = self.indexed().remove(place).map(|indexed| indexed.keys).unwrap_or_default();
        for key in held.difference(&keys) {
            engine.remove(&key.spelled());
        }
        let lacking = lacking(engine, &documents);
        let borrowed = self.borrow_these(engine, &lacking);
        let mut whole = true;
        for Document { key, text, facts } in documents {
            let key = key.spelled();
            match engine.upsert(&key, &text, facts) {
                Ok(()) if self.shared.is_some() => {
                    let made = engine.vector(&key);
                    let made = made.filter(|(hash, _)| lacking.contains(hash) && !borrowed.contains(hash));
                    made.into_iter().for_each(|vector| self.share(engine, vector));
                }
                Ok(()) => {}
                Err(error) => {
                    whole = false;
                    tracing::error!(key, %error, "not indexed; the next sweep tries again");
                }
            }
        }
        if self.shared.is_some() {
            engine.give_back(&lacking);
        }
        if let Some(etag) = etag {
            let etag = whole.then_some(etag);
            self.indexed().insert(place.clone(), Indexed { etag, keys });
        }
        self.unsaved.store(true, Ordering::Release);
    }

    /// Takes the vectors of these texts that other replicas have computed.
    pub(super) fn borrow_these(&self, engine: &Engine<Facts>, texts: &[TextHash]) -> HashSet<TextHash> {
        let Some(shared) = self.shared.as_ref().filter(|_| !texts.is_empty()) else { return HashSet::new() };
        let found = shared.find_now(engine.fingerprint(), texts);
        let hashes = found.iter().map(|(hash, _)| *hash).collect();
        engine.lend(found);
        hashes
    }

    /// Keeps a vector for other replicas.
    pub(super) fn share(&self, engine: &Engine<Facts>, vector: (TextHash, Vec<u8>)) {
        if let Some(shared) = &self.shared {
            shared.keep(engine.fingerprint(), vector);
        }
    }
}

/// The texts of which a vector would have to be made.
pub(super) fn lacking(engine: &Engine<Facts>, documents: &[Document]) -> Vec<TextHash> {
    let lacks = |document: &Document| engine.lacks(&document.key.spelled(), &document.text);
    documents.iter().filter_map(lacks).collect()
}
