//! A question's words, read once for all the sets that it is asked of.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use super::stem::Stems;
use super::words;

/// So many words of a question count: 512 characters without spaces give a thousand, and their pairs.
const MOST_WORDS: usize = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(super) text: String,
    /// Every word where it stands.
    pub(super) words: Vec<AskedWord>,
    /// What is looked up: each stem once, in the question's order.
    pub(super) terms: Vec<Term>,
}

#[derive(Debug, Clone)]
pub(super) struct AskedWord {
    pub(super) folded: Box<str>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) term: usize,
    /// Several words that were written together: it is a further spelling, nobody has to have it.
    pub(super) joined: bool,
    /// Words of `Asked::words` that this one is part of; with one of them found, it is only a spelling.
    pub(super) wholes: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) stem: Box<str>,
    /// The words that have this stem.
    pub(super) words: Vec<usize>,
}

impl Asked {
    /// About what it takes up.
    pub(crate) fn bytes(&self) -> usize {
        const EACH: usize = 64;
        self.text.len()
            + self.words.len() * (size_of::<AskedWord>() + EACH)
            + self.terms.len() * (size_of::<Term>() + EACH)
    }

    pub(crate) fn read(text: &str) -> Self {
        let stems = Stems::new();
        let mut asked = Self { text: text.to_owned(), words: Vec::new(), terms: Vec::new() };
        let mut numbers: HashMap<Box<str>, usize> = HashMap::new();
        words::read(text, &mut |word| {
            if asked.words.len() == MOST_WORDS {
                return ControlFlow::Break(());
            }
            let stem: Box<str> = stems.of(word.text).into();
            let term = *numbers.entry(stem).or_insert_with_key(|stem| {
                asked.terms.push(Term { stem: stem.clone(), words: Vec::new() });
                asked.terms.len() - 1
            });
            asked.push(AskedWord {
                folded: word.text.into(),
                start: word.start,
                end: word.end,
                term,
                joined: word.joined,
                wholes: Vec::new(),
            });
            ControlFlow::Continue(())
        });
        asked
    }

    fn push(&mut self, word: AskedWord) {
        let number = self.words.len();
        if word.joined {
            // Its parts have come just before it.
            for part in self.words.iter_mut().rev().take_while(|part| part.start >= word.start) {
                part.wholes.push(number);
            }
        }
        self.terms[word.term].words.push(number);
        self.words.push(word);
    }

    /// Whether a term that nobody has lessens every share: not if it is only one spelling of what was found.
    pub(super) fn is_missed(&self, term: &Term, is_had: impl Fn(usize) -> bool) -> bool {
        term.words
            .iter()
            .map(|word| &self.words[*word])
            .any(|word| !word.joined && !word.wholes.iter().any(|whole| is_had(self.words[*whole].term)))
    }

    /// The words as they were asked, of those terms, in their order and each once; the parts of a name are
    /// not said again after the name.
    pub(super) fn as_asked(&self, is_had: impl Fn(usize) -> bool) -> Vec<String> {
        let mut places: Vec<(Range<usize>, usize)> = self
            .words
            .iter()
            .filter(|word| is_had(word.term))
            .map(|word| (word.start..word.end, word.term))
            .collect();
        places.sort_by(|(a, _), (b, _)| (a.start, b.end).cmp(&(b.start, a.end)));
        let (mut said, mut told, mut reached) = (vec![false; self.terms.len()], Vec::new(), 0);
        for (place, term) in places {
            if place.end > reached && !said[term] {
                said[term] = true;
                told.push(self.text[place.clone()].to_lowercase());
            }
            reached = reached.max(place.end);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_are_asked_once() {
        let asked = Asked::read("Invoices: parse an invoice, ISO-20022");
        let terms: Vec<_> = asked.terms.iter().map(|term| &*term.stem).collect();
        assert_eq!(terms, ["invoic", "pars", "iso", "20022", "iso20022"]);
        assert_eq!(asked.as_asked(|_| true), ["invoices", "parse", "iso-20022"]);
        assert_eq!(asked.as_asked(|term| term == 3), ["20022"]);
        assert_eq!(Asked::read("日本語").as_asked(|_| true), ["日本", "本語"]);
        assert_eq!(Asked::read("Résumé RESUME").as_asked(|_| true), ["résumé"]);
    }

    #[test]
    fn spelling_it_together_or_apart_costs_nothing() {
        let asked = Asked::read("GraphQL");
        let missed = |had: &[usize]| -> Vec<bool> {
            asked.terms.iter().map(|term| asked.is_missed(term, |term| had.contains(&term))).collect()
        };
        assert_eq!(missed(&[]), [true, true, false]);
        assert_eq!(missed(&[2]), [false, false, false]);
        let twice = Asked::read("GraphQL graph graphql");
        assert!(
            twice.terms.iter().map(|term| twice.is_missed(term, |term| term == 2)).eq([true, false, true])
        );
    }

    #[test]
    fn any_text_is_a_question() {
        for text in ["", "?", "🚲", "\0", "the", "\u{202e}"] {
            assert!(Asked::read(text).terms.is_empty(), "{text:?}");
        }
        assert_eq!(Asked::read(&"字".repeat(512)).words.len(), 1023);
        assert_eq!(Asked::read(&"word ".repeat(5_000)).words.len(), MOST_WORDS);
    }
}
