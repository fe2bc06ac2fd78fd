//! What a word has in common with its plural and its other endings.

use std::borrow::Cow;
use std::fmt;

use rust_stemmers::{Algorithm, Stemmer};

/// The stemmer for English: most cards are in it, and to a word of another language it does the same in
/// the question and in the entry.
pub(super) struct Stems(Stemmer);

impl Stems {
    pub(super) fn new() -> Self {
        Self(Stemmer::create(Algorithm::English))
    }

    /// The stem of a folded word. Other scripts, and what has digits in it, stay as they are.
    pub(super) fn of<'a>(&self, word: &'a str) -> Cow<'a, str> {
        if word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            self.0.stem(word)
        } else {
            Cow::Borrowed(word)
        }
    }
}

impl fmt::Debug for Stems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Stems(English)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_go() {
        let stems = Stems::new();
        for (word, stem) in [
            ("translations", "translat"),
            ("translating", "translat"),
            ("invoices", "invoic"),
            ("s1000d", "s1000d"),
            ("übung", "übung"),
            ("as", "as"),
        ] {
            assert_eq!(stems.of(word), stem);
        }
    }
}
