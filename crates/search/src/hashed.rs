//! An embedder without a model: hashed words and their trigrams.
//!
//! It knows spelling, not meaning. It serves tests of the servers and machines that have no model.

use crate::pooling::normalise;
use crate::{Embedder, SearchError};

/// Below this, unrelated words share dimensions so often that cosines say nothing.
const LEAST_DIMENSIONS: usize = 64;

/// A trigram counts less than its word: two texts that share words beat two that share syllables.
const TRIGRAM_WEIGHT: f32 = 0.4;

/// Bag of lower-cased words and character trigrams, hashed into a fixed number of dimensions.
#[derive(Debug, Clone)]
pub struct HashedWords {
    dimensions: usize,
    fingerprint: String,
}

impl HashedWords {
    /// An embedder of so many dimensions, at least 64.
    #[must_use]
    pub fn new(dimensions: usize) -> Self {
        let dimensions = dimensions.max(LEAST_DIMENSIONS);
        Self { dimensions, fingerprint: format!("hashed-words-v1-{dimensions}") }
    }

    fn add(&self, vector: &mut [f32], feature: &[u8], weight: f32) {
        let hash = fnv1a(feature);
        // The top bit gives the sign, so that collisions cancel out instead of piling up.
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        let place = (hash % self.dimensions as u64) as usize;
        vector[place] += sign * weight;
    }
}

impl Default for HashedWords {
    fn default() -> Self {
        Self::new(256)
    }
}

impl Embedder for HashedWords {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        let mut vector = vec![0.0; self.dimensions];
        for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
            self.add(&mut vector, word.as_bytes(), 1.0);
            let framed: Vec<char> = std::iter::once('^').chain(word.chars()).chain(['$']).collect();
            for trigram in framed.windows(3) {
                let trigram: String = trigram.iter().collect();
                self.add(&mut vector, trigram.as_bytes(), TRIGRAM_WEIGHT);
            }
        }
        if !normalise(&mut vector) {
            // A text without words (or whose words cancel out) still needs a direction.
            vector.fill(0.0);
            vector[0] = 1.0;
        }
        Ok(vector)
    }

    fn knows(&self, _: &str) -> bool {
        false
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// 64-bit FNV-1a: the hasher of std may change between releases, and saved vectors outlive one.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        let words = HashedWords::default();
        let (a, b) = (words.embed(a).unwrap(), words.embed(b).unwrap());
        a.iter().zip(&b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn shared_words_are_nearer() {
        assert!((cosine("Book a flight", "book A FLIGHT!") - 1.0).abs() < 1e-6);
        assert!(cosine("book a flight", "books flights") > cosine("book a flight", "weather report"));
        assert!(cosine("weather", "weather in Paris") > 0.4);
    }

    #[test]
    fn every_text_has_a_direction() {
        for text in ["", "   ", "!?", "天気", "a"] {
            let vector = HashedWords::new(1).embed(text).unwrap();
            assert_eq!(vector.len(), LEAST_DIMENSIONS);
            assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5, "{text:?}");
        }
    }
}
