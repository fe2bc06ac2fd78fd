//! Which entries share words with the question, and how much of it? Text and words, no vectors.
//!
//! Rooms: `letters` (one character as search reads it), `words` (text to words), `stop` and `stem` (what a
//! word counts for), `analysis` (an entry's words) and `asked` (a question's), `interned` and `postings`
//! (what the `lexicon` keeps them in), `vocabulary` (the numbers of one set of rows), `shares` (how much of a
//! question a row has) and `spelling` (the word that was meant).
//!
//! Whatever a caller is told or ranked by comes from the rows of his set alone: the lexicon knows hidden
//! entries too, but no count, no mean and no choice of a word reaches him that has not gone through his set.

mod analysis;
mod asked;
mod interned;
mod letters;
mod lexicon;
mod postings;
mod shares;
mod spelling;
mod stem;
mod stop;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod vocabulary;
mod words;

pub(crate) use analysis::Analysis;
pub(crate) use asked::Asked;
pub(crate) use lexicon::{Lexicon, Weighed};
pub(crate) use vocabulary::Vocabulary;

/// One text of an entry, and how much a word in it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field<'a> {
    /// What stands there, as it was registered.
    pub text: &'a str,
    /// 1 for a description, more for a name; with 0 it is not read.
    pub weight: u8,
}
