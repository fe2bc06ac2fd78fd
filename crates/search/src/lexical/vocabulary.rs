//! What is known of the words of one set of rows: all numbers that its shares are made of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How soon more of the same word counts for little more.
const K1: f64 = 1.2;

/// How much a word counts for less in a long entry.
const B: f64 = 0.75;

/// Hits are kept of so many rows for each row of the set; then all are forgotten.
const HITS_PER_ROW: usize = 4;

/// So many in any case, 8 bytes each: in a small set too, words are many, and one that nobody has takes up some room.
const LEAST_HITS: usize = 131_072;

/// So many repairs are remembered.
const MOST_REPAIRS: usize = 1024;

/// The numbers of a set of rows that does not change, in a lexicon that does not change.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    rows: u64,
    /// Weighted words of an entry.
    mean: f64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By the number of the stem.
    hits: HashMap<u32, Arc<Hits>, ahash::RandomState>,
    room: usize,
    repairs: HashMap<Box<str>, Option<Arc<str>>>,
}

/// The rows of the set that have a word, ascending, and what it gives each of them.
#[derive(Debug, Default)]
pub(super) struct Hits {
    /// More than any row can get by the word.
    pub(super) most: f64,
    pub(super) rows: Vec<(u32, f32)>,
}

impl Vocabulary {
    pub(super) fn new(rows: usize, length: u64) -> Self {
        let mean = length as f64 / rows.max(1) as f64;
        Self { rows: rows as u64, mean, kept: Mutex::default() }
    }

    /// What a word gives that is in so many rows: BM25's idf, which is never negative.
    fn idf(&self, having: usize) -> f64 {
        let (rows, having) = (self.rows as f64, having as f64);
        ((rows - having + 0.5) / (having + 0.5)).ln_1p()
    }

    /// More than any row can get by a word that is in so many rows.
    fn most(&self, having: usize) -> f64 {
        self.idf(having) * (K1 + 1.0)
    }

    /// The hits of a stem, from the rows that have it with its weight in each.
    pub(super) fn weigh(&self, mut rows: Vec<(u32, f32)>, length: impl Fn(u32) -> u32) -> Hits {
        let most = self.most(rows.len());
        let by_length = K1 * B / self.mean;
        for (row, weight) in &mut rows {
            let weighs = f64::from(*weight);
            *weight =
                (most * weighs / (weighs + K1 * (1.0 - B) + by_length * f64::from(length(*row)))) as f32;
        }
        Hits { most, rows }
    }

    /// The hits of a word that no row of the set has.
    pub(super) fn miss(&self) -> Hits {
        Hits { most: self.most(0), rows: Vec::new() }
    }

    /// The hits of a stem, kept for the next question with it.
    ///
    /// They are made outside the lock: two questions at once may make the same, and no question waits.
    pub(super) fn hits(&self, stem: u32, make: impl FnOnce() -> Hits) -> Arc<Hits> {
        if let Some(hits) = self.kept().hits.get(&stem) {
            return Arc::clone(hits);
        }
        let hits = Arc::new(make());
        let room = hits.rows.len() + 8;
        let mut kept = self.kept();
        if kept.room + room > self.rows as usize * HITS_PER_ROW + LEAST_HITS {
            kept.hits.clear();
            kept.room = 0;
        }
        if kept.hits.insert(stem, Arc::clone(&hits)).is_none() {
            kept.room += room;
        }
        hits
    }

    /// The word that was meant by one that nobody has, kept for the next question with it.
    pub(super) fn repair(&self, word: &str, make: impl FnOnce() -> Option<Arc<str>>) -> Option<Arc<str>> {
        if let Some(repair) = self.kept().repairs.get(word) {
            return repair.clone();
        }
        let repair = make();
        let mut kept = self.kept();
        if kept.repairs.len() >= MOST_REPAIRS {
            kept.repairs.clear();
        }
        kept.repairs.insert(word.into(), repair.clone());
        repair
    }

    /// About what is kept, in bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let kept = self.kept();
        let repairs: usize = kept.repairs.keys().map(|word| 2 * word.len() + 48).sum();
        kept.room * size_of::<(u32, f32)>() + repairs + size_of::<Self>()
    }

    /// A thread that panicked has left nothing half done: every change is one insertion.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let vocabulary = Vocabulary::new(1000, 10_000);
        let rows: Vec<_> = (0..1000).map(|row| (row, 1.0)).collect();
        for stem in 0..100 {
            assert_eq!(vocabulary.hits(stem, || vocabulary.weigh(rows.clone(), |_| 10)).rows.len(), 1000);
            assert!(vocabulary.kept().room <= 1000 * HITS_PER_ROW + LEAST_HITS);
        }
        for word in 0..3 * MOST_REPAIRS {
            vocabulary.repair(&word.to_string(), || None);
            assert!(vocabulary.kept().repairs.len() <= MOST_REPAIRS);
        }
        assert!(vocabulary.bytes() < 1_300_000);
    }

    #[test]
    fn what_is_kept_is_not_made_again() {
        let vocabulary = Vocabulary::new(2, 4);
        let first = vocabulary.hits(7, || vocabulary.weigh(vec![(1, 1.0)], |_| 2));
        assert!(Arc::ptr_eq(&first, &vocabulary.hits(7, Hits::default)));
        assert_eq!(vocabulary.repair("tset", || Some("test".into())).as_deref(), Some("test"));
        assert_eq!(vocabulary.repair("tset", || None).as_deref(), Some("test"));
    }
}
