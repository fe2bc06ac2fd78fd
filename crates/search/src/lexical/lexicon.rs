//! The words of all entries: which rows have them, and what that is worth to a question.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Analysis;
use super::asked::{Asked, AskedWord};
use super::interned::Interned;
use super::postings::Postings;
use super::shares::add_up;
use super::spelling::{Spellings, is_repairable};
use super::stem::Stems;
use super::vocabulary::{Hits, Vocabulary};
use crate::rows::RowSet;

/// So many words of a question are looked for among their neighbours: more of them are no mistakes, and each may have
/// to be compared with very many.
const MOST_REPAIRS: usize = 4;

/// Words of rows, hidden ones too: every question is asked of a set of rows, and answered from it alone.
#[derive(Debug)]
pub(crate) struct Lexicon {
    stemmer: Stems,
    /// Words as they are written, folded; their numbers are places in `of_word`.
    words: Interned,
    of_word: Vec<OfWord>,
    stems: Interned,
    /// The words that have a stem.
    of_stem: Vec<Vec<u32>>,
    spellings: Spellings,
    /// The words of a row, ascending by number: which to take it from when it goes. None of a row that is
    /// not here.
    of_row: Vec<Option<Box<[u32]>>>,
    /// By row, beside the words: every question reads these, and only these.
    lengths: Vec<u32>,
    rows: usize,
}

#[derive(Debug, Default)]
struct OfWord {
    stem: u32,
    postings: Postings,
}

/// A question, and what each of its words is worth in a set of rows.
pub(crate) struct Weighed<'a> {
    asked: &'a Asked,
    found: Vec<Arc<Hits>>,
}

impl Lexicon {
    pub(crate) fn new() -> Self {
        Self {
            stemmer: Stems::new(),
            words: Interned::default(),
            of_word: Vec::new(),
            stems: Interned::default(),
            of_stem: Vec::new(),
            spellings: Spellings::default(),
            of_row: Vec::new(),
            lengths: Vec::new(),
            rows: 0,
        }
    }

    /// Gives a row these words, instead of what it had.
    pub(crate) fn insert(&mut self, row: u32, analysis: &Analysis) {
        let mut words = Vec::with_capacity(analysis.words().len());
        for (text, weight) in analysis.words() {
            let word = self.word(text);
            self.of_word[word as usize].postings.set(row, weight);
            words.push(word);
        }
        words.sort_unstable();
        *grow(&mut self.lengths, row) = analysis.length();
        match grow(&mut self.of_row, row).replace(words.as_slice().into()) {
            // A change leaves most words where they are, which spares moving all rows behind this one.
            Some(earlier) => earlier
                .iter()
                .filter(|word| words.binary_search(word).is_err())
                .for_each(|word| self.take_from(*word, row)),
            None => self.rows += 1,
        }
    }

    /// Takes a row's words away; those that no other row has leave nothing behind.
    pub(crate) fn remove(&mut self, row: u32) {
        let Some(words) = self.of_row.get_mut(row as usize).and_then(Option::take) else { return };
        self.lengths[row as usize] = 0;
        words.iter().for_each(|word| self.take_from(*word, row));
        self.rows -= 1;
        if self.rows == 0 {
            // Tables keep the room of their best days.
            *self = Self::new();
        }
    }

    /// Whether a row has exactly these words.
    pub(crate) fn has(&self, row: u32, analysis: &Analysis) -> bool {
        let Some(words) = self.of_row.get(row as usize).and_then(Option::as_ref) else { return false };
        let is_posted = |(text, weight)| {
            let word = self.words.number(text);
            word.is_some_and(|word| {
                words.binary_search(&word).is_ok() && self.postings(word).weight(row) == Some(weight)
            })
        };
        words.len() == analysis.words().len()
            && self.length(row) == analysis.length()
            && analysis.words().all(is_posted)
    }

    /// About what it takes up.
    pub(crate) fn bytes(&self) -> usize {
        let words: usize = self.of_word.iter().map(|of_word| of_word.postings.bytes()).sum();
        let stems: usize = self.of_stem.iter().map(|words| words.capacity() * size_of::<u32>()).sum();
        let rows: usize = self.of_row.iter().flatten().map(|words| words.len() * 4).sum();
        let tables = self.of_word.capacity() * size_of::<OfWord>()
            + self.of_stem.capacity() * size_of::<Vec<u32>>()
            + self.of_row.capacity() * size_of::<Option<Box<[u32]>>>()
            + self.lengths.capacity() * size_of::<u32>();
        words + stems + rows + tables + self.words.bytes() + self.stems.bytes() + self.spellings.bytes()
    }

    /// The numbers of a set of rows, good until the set or the lexicon changes.
    pub(crate) fn vocabulary(&self, set: &RowSet) -> Vocabulary {
        let length = set.rows().iter().map(|row| u64::from(self.length(*row))).sum();
        Vocabulary::new(set.len(), length)
    }

    /// What the question's words are worth in a set of rows.
    pub(crate) fn weighed<'a>(&self, asked: &'a Asked, set: &RowSet, vocabulary: &Vocabulary) -> Weighed<'a> {
        let found = asked.terms.iter().map(|term| self.hits(&term.stem, set, vocabulary)).collect();
        Weighed { asked, found }
    }

    /// The question with the words replaced that no row of the set has and that are not `known`; None if
    /// none is.
    pub(crate) fn repaired(
        &self,
        asked: &Asked,
        set: &RowSet,
        vocabulary: &Vocabulary,
        known: &dyn Fn(&str) -> bool,
    ) -> Option<String> {
        let is_had = |term: usize| !self.hits(&asked.terms[term].stem, set, vocabulary).rows.is_empty();
        let is_unknown = |word: &&AskedWord| {
            is_repairable(&word.folded)
                && !word.joined
                && !is_had(word.term)
                && !word.wholes.iter().any(|whole| is_had(asked.words[*whole].term))
                && !known(&word.folded)
        };
        let (mut text, mut copied) = (String::new(), 0);
        for word in asked.words.iter().filter(is_unknown).take(MOST_REPAIRS) {
            if let Some(meant) = vocabulary.repair(&word.folded, || self.meant(&word.folded, set)) {
                text.push_str(&asked.text[copied..word.start]);
                text.push_str(&meant);
                copied = word.end;
            }
        }
        (copied > 0).then(|| text + &asked.text[copied..])
    }

    /// The nearest word that some row of the set has; of several the one in the most rows, then by alphabet.
    fn meant(&self, asked: &str, set: &RowSet) -> Option<Arc<str>> {
        let near = self.spellings.near(asked, |word| self.words.text(word));
        (near.into_iter())
            .map(|(distance, word)| (distance, Reverse(self.postings(word).count(set)), word))
            .filter(|(_, Reverse(rows), _)| *rows > 0)
            .map(|(distance, rows, word)| (distance, rows, self.words.text(word)))
            .min()
            .map(|(.., text)| text.into())
    }

    fn hits(&self, stem: &str, set: &RowSet, vocabulary: &Vocabulary) -> Arc<Hits> {
        let Some(number) = self.stems.number(stem) else { return Arc::new(vocabulary.miss()) };
        vocabulary.hits(number, || {
            let mut lists: Vec<_> =
                self.of_stem[number as usize].iter().map(|word| self.postings(*word).within(set)).collect();
            let mut rows = Vec::new();
            if let [only] = lists.as_mut_slice() {
                rows = std::mem::take(only);
            } else {
                add_up(lists.iter().map(Vec::as_slice), |row, weight| rows.push((row, weight as f32)));
            }
            vocabulary.weigh(rows, |row| self.length(row))
        })
    }

    fn postings(&self, word: u32) -> &Postings {
        &self.of_word[word as usize].postings
    }

    fn length(&self, row: u32) -> u32 {
        self.lengths.get(row as usize).copied().unwrap_or(0)
    }

    /// The number of a word; a new one gets its stem and its place among the spellings.
    fn word(&mut self, text: &str) -> u32 {
        if let Some(word) = self.words.number(text) {
            return word;
        }
        let word = self.words.add(text);
        let stem = self.stems.add(&self.stemmer.of(text));
        grow(&mut self.of_stem, stem).push(word);
        *grow(&mut self.of_word, word) = OfWord { stem, postings: Postings::default() };
        self.spellings.insert(text, word);
        word
    }

    fn take_from(&mut self, word: u32, row: u32) {
        let postings = &mut self.of_word[word as usize].postings;
        postings.remove(row);
        if postings.is_empty() {
            self.forget(word);
        }
    }

    fn forget(&mut self, word: u32) {
        let stem = std::mem::take(&mut self.of_word[word as usize]).stem;
        let words = &mut self.of_stem[stem as usize];
        words.retain(|other| *other != word);
        if words.is_empty() {
            *words = Vec::new();
            self.stems.remove(stem);
        }
        self.spellings.remove(self.words.text(word), word);
        self.words.remove(word);
    }
}

impl Weighed<'_> {
    /// How much of the question each row has, 0 < share <= 1, ascending by row; rows without any are left out.
    pub(crate) fn shares(&self) -> Vec<(u32, f32)> {
        let Self { asked, found } = self;
        let is_had = |term: usize| !found[term].rows.is_empty();
        let most: f64 = (asked.terms.iter().zip(found))
            .filter(|(term, hits)| !hits.rows.is_empty() || asked.is_missed(term, is_had))
            .map(|(_, hits)| hits.most)
            .sum();
        let mut shares = Vec::with_capacity(found.iter().map(|hits| hits.rows.len()).max().unwrap_or(0));
        let lists = found.iter().filter(|hits| !hits.rows.is_empty()).map(|hits| hits.rows.as_slice());
        add_up(lists, |row, sum| shares.push((row, (sum / most).min(1.0) as f32)));
        shares
    }

    /// The words of the question that a row of the set has: as they were asked, in lower case, in their order, once.
    pub(crate) fn terms(&self, row: u32) -> Vec<String> {
        let has = |hits: &Arc<Hits>| hits.rows.binary_search_by_key(&row, |(row, _)| *row).is_ok();
        let had: Vec<bool> = self.found.iter().map(has).collect();
        self.asked.as_asked(|term| had[term])
    }
}

/// The place of a number, which may be the next one.
fn grow<T: Default>(places: &mut Vec<T>, number: u32) -> &mut T {
    let place = number as usize;
    if place >= places.len() {
        places.resize_with(place + 1, T::default);
    }
    &mut places[place]
}
