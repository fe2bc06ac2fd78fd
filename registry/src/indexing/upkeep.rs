//! Keeping the index equal to the stores: one place after the other, or all of them.
//!
//! Words, and who may find what, hold at once; vectors are made afterwards, outside the lane, so that a server with
//! very many tools can be made private while they are being read.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use catalog::{AgentEntry, Entry, EntryPath, ServerEntry};
use search::{Progress, TextHash};
use store::Catalogue;

use super::document::Document;
use super::key::{Key, Place};
use super::{Indexed, Inner, LANES};

/// Threads that read words at the start.
const READERS: usize = 2;

/// Texts whose vectors are asked of other replicas' shelf at once.
const AT_ONCE: usize = 4096;

/// Something of which a vector has to be made, and of which text.
pub(super) type Lacking = (Document, TextHash);

impl Inner {
    /// Reads the words of everything there is.
    pub(super) fn fill(&self) {
        let places = self.places();
        std::thread::scope(|scope| {
            for part in places.chunks(places.len().div_ceil(READERS).max(1)) {
                scope.spawn(|| part.iter().for_each(|place| drop(self.put(place))));
            }
        });
    }

    /// Indexes whatever differs from the stores, and makes the vectors that could not be made before.
    pub(super) fn sweep(&self) {
        // Who may find what first, of all of them: vectors may take long.
        let stale = self.stale().into_iter().map(|place| (self.put(&place), place));
        let stale: Vec<_> = stale.collect();
        stale.into_iter().for_each(|(lacking, place)| self.embed(&place, lacking));
        let Progress { entries, embedded } = self.engine.progress();
        if self.engine.has_model() && embedded < entries {
            self.lacking().into_iter().for_each(|(place, lacking)| self.embed(&place, lacking));
        }
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
        let is_current =
            |place: &Place, etag: &str| indexed.get(place).is_some_and(|indexed| indexed.etag == etag);
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

    /// What the index should hold of a place now, with the entity tag of what lives there, if anything does.
    pub(super) fn documents(&self, place: &Place) -> (Option<String>, Vec<Document>) {
        fn told<E: Entry>(
            entries: &Catalogue<E>,
            path: &EntryPath,
            documents: impl FnOnce(&Arc<E>) -> Vec<Document>,
        ) -> (Option<String>, Vec<Document>) {
            let entry = entries.get(path);
            let etag = entry.map(|entry| entry.etag().to_owned());
            (etag, entry.map(documents).unwrap_or_default())
        }
        match place {
            Place::Agent(path) => told(&self.agents.catalogue(), path, Document::of_agent),
            Place::Server(path) => told(&self.servers.catalogue(), path, Document::of_server),
        }
    }

    /// Brings words, and who may find what, to the stores' state of a place. What lacks a vector comes back.
    pub(super) fn put(&self, place: &Place) -> Vec<Lacking> {
        let lane = &self.lanes[self.hasher.hash_one(place) as usize % LANES];
        let _turn = lane.lock().unwrap_or_else(PoisonError::into_inner);
        let (etag, documents) = self.documents(place);
        let keys: HashSet<Key> = documents.iter().map(Document::key).collect();
        let held = self.indexed().get(place).map(|indexed| indexed.keys.clone()).unwrap_or_default();
        for key in held.difference(&keys) {
            self.engine.remove(&key.spelled());
            self.unsaved.store(true, Ordering::Release);
        }
        let mut lacking = Vec::new();
        for document in documents {
            let key = document.key().spelled();
            let lacks = document.with_text(|text| self.engine.put(&key, text, document.clone()));
            lacking.extend(lacks.map(|hash| (document, hash)));
        }
        match etag {
            Some(etag) => drop(self.indexed().insert(place.clone(), Indexed { etag, keys })),
            None => drop(self.indexed().remove(place)),
        }
        lacking
    }

    /// Makes the vectors that a place lacks, if there is a model.
    pub(super) fn embed(&self, place: &Place, lacking: Vec<Lacking>) {
        let hashes = hashes(&lacking);
        self.borrowed(place, lacking).iter().for_each(|(document, _)| self.make(document));
        self.give_back(&hashes);
    }

    /// What still has to be made after other replicas have given what they have; nothing without a model.
    pub(super) fn borrowed(&self, place: &Place, lacking: Vec<Lacking>) -> Vec<Lacking> {
        if lacking.is_empty() || !self.engine.has_model() {
            return Vec::new();
        }
        if self.borrow(&hashes(&lacking)) { self.put(place) } else { lacking }
    }

    /// Makes the vector of one thing, for other replicas too.
    pub(super) fn make(&self, document: &Document) {
        let key = document.key();
        let spelled = key.spelled();
        // A text on which the model panics must not keep all others from their vectors.
        let made = catch_unwind(AssertUnwindSafe(|| self.engine.embed(&spelled, &document.embedded())));
        let made = made
            .map_err(|_| "the model panicked".to_owned())
            .and_then(|made| made.map_err(|it| it.to_string()));
        if let Err(error) = made {
            tracing::error!(%key, error, "found by its words alone; the next sweep tries again");
            return;
        }
        self.unsaved.store(true, Ordering::Release);
        if let Some(shared) = &self.shared
            && let Some(vector) = self.engine.vector(&spelled)
        {
            shared.keep(self.engine.fingerprint(), vector);
        }
    }

    /// Forgets what was borrowed for these texts and is used by nobody.
    pub(super) fn give_back(&self, texts: &[TextHash]) {
        if self.shared.is_some() {
            self.engine.give_back(texts);
        }
    }

    /// Takes those of these texts' vectors that other replicas have made; whether there were any.
    pub(super) fn borrow(&self, texts: &[TextHash]) -> bool {
        let Some(shared) = self.shared.as_ref().filter(|_| !texts.is_empty()) else { return false };
        let mut is_any = false;
        for texts in texts.chunks(AT_ONCE) {
            let found = shared.find_now(self.engine.fingerprint(), texts);
            is_any |= !found.is_empty();
            self.engine.lend(found);
        }
        is_any
    }

    /// Everything that has no vector of its text.
    pub(super) fn lacking(&self) -> Vec<(Place, Vec<Lacking>)> {
        let of_place = |place: Place| {
            let lacks = |document: Document| {
                let hash = self.engine.lacks(&document.key().spelled(), &document.embedded())?;
                Some((document, hash))
            };
            let lacking: Vec<Lacking> = self.documents(&place).1.into_iter().filter_map(lacks).collect();
            (!lacking.is_empty()).then_some((place, lacking))
        };
        self.places().into_iter().filter_map(of_place).collect()
    }
}

/// Everything that is found of these.
pub(crate) fn documents(agents: &Catalogue<AgentEntry>, servers: &Catalogue<ServerEntry>) -> Vec<Document> {
    let agents = agents.iter().flat_map(Document::of_agent);
    agents.chain(servers.iter().flat_map(Document::of_server)).collect()
}

/// The texts of which vectors are lacking.
pub(super) fn hashes(lacking: &[Lacking]) -> Vec<TextHash> {
    lacking.iter().map(|(_, hash)| *hash).collect()
}
