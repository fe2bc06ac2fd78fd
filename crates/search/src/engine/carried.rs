//! Vectors that come from elsewhere: those of an earlier run, and those that other engines have made.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::{Engine, State, hash};
use crate::rows::TextHash;
use crate::{Embedder, SavedVectors, VectorsError, vectors};

impl<F> Engine<F> {
    /// From now on texts are embedded by this; saved vectors are taken over for whatever has their texts, now or
    /// later, until [`Engine::cool`]. A second call does nothing.
    ///
    /// # Errors
    /// [`VectorsError::Foreign`] when they were made by another model or recipe; the embedder is then taken without.
    pub fn install(
        &self,
        embedder: Arc<dyn Embedder>,
        saved: Option<SavedVectors>,
    ) -> Result<(), VectorsError> {
        let mut state = self.write();
        if self.embedder.set(embedder.clone()).is_err() {
            return Ok(());
        }
        state.rows.begin_vectors(embedder.dimensions());
        let Some(saved) = saved else { return Ok(()) };
        saved.check(embedder.as_ref())?;
        state.lent = saved.entries;
        let State { rows, lent } = &mut *state;
        for (key, text) in rows.lacking() {
            if let Some(vector) = lent.get(&text) {
                rows.set_vector(&key, text, vector);
            }
        }
        Ok(())
    }

    /// Drops vectors of an earlier run that no key uses; they would be saved again otherwise.
    pub fn cool(&self) {
        self.write().lent = HashMap::new();
    }

    /// The hash of the text under which a vector would have to be made for it, if it is kept under this key:
    /// none when there is one already.
    pub fn lacks(&self, key: &str, text: &str) -> Option<TextHash> {
        let hash = hash(text);
        let state = self.read();
        let is_kept = state.rows.vector(key).is_some_and(|(kept, _)| kept == hash);
        (!is_kept && !state.lent.contains_key(&hash)).then_some(hash)
    }

    /// Takes vectors that another engine of the same fingerprint has made, so that the next entries of their
    /// texts need no embedding. Those that cannot be such are left out: whatever brought them spoiled them.
    pub fn lend(&self, lent: impl IntoIterator<Item = (TextHash, Vec<u8>)>) {
        let Some(embedder) = self.embedder.get() else { return };
        let lent = lent.into_iter().filter_map(|(text, bytes)| {
            let vector = vectors::read_row(&bytes, embedder.dimensions())?;
            vectors::is_of_length_one(&vector).then_some((text, vector))
        });
        let lent: Vec<_> = lent.collect();
        self.write().lent.extend(lent);
    }

    /// Forgets what was lent and is not kept under any key.
    pub fn give_back<'a>(&self, texts: impl IntoIterator<Item = &'a TextHash>) {
        let mut state = self.write();
        texts.into_iter().for_each(|text| drop(state.lent.remove(text)));
    }

    /// The vector of a key, and the hash of its text, as [`Engine::lend`] takes them.
    pub fn vector(&self, key: &str) -> Option<(TextHash, Vec<u8>)> {
        let state = self.read();
        state.rows.vector(key).map(|(text, vector)| (text, vectors::print_row(vector)))
    }

    /// The hash of every text that is kept.
    pub fn texts(&self) -> Vec<TextHash> {
        self.read().rows.texts().collect()
    }

    /// Saves all vectors in one file, whole or not at all. A folder that is missing is an error. Without a model
    /// there is nothing to save, and an earlier file stays.
    ///
    /// # Errors
    /// [`VectorsError::Unwritable`]; an earlier file is then left as it was.
    pub fn save(&self, path: &Path) -> Result<(), VectorsError> {
        let Some(embedder) = self.embedder.get() else { return Ok(()) };
        let state = self.read();
        let mut entries = state.lent.clone();
        entries.extend(state.rows.vectors().map(|(text, vector)| (text, vector.into())));
        drop(state);
        SavedVectors::new(embedder.as_ref(), entries).write(path)
    }
}
