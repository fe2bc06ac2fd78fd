//! An entry's words, counted before any lock is taken.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use super::{Field, words};

/// So many words of an entry are read, of its heaviest fields first. The longest honest cards have some
/// hundreds; a card of 100 kB must not crowd the memory that all share.
const MOST_WORDS: usize = 4096;

/// The words of an entry's fields with their weights, each once and in the order of the alphabet.
#[derive(Debug, Clone)]
pub(crate) struct Analysis {
    /// All words without anything between them: one allocation, not one per word.
    text: String,
    words: Vec<Counted>,
    length: u32,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    start: u32,
    end: u32,
    weight: u16,
}

impl Analysis {
    pub(crate) fn of(fields: &[Field<'_>]) -> Self {
        let mut fields: Vec<_> = fields.iter().filter(|field| field.weight > 0).collect();
        fields.sort_by_key(|field| Reverse(field.weight));
        let (mut text, mut words, mut length) = (String::new(), Vec::new(), 0);
        for field in fields {
            words::read(field.text, &mut |word| {
                if words.len() == MOST_WORDS {
                    return ControlFlow::Break(());
                }
                // Fits: words are bounded in number and length.
                let start = text.len() as u32;
                text.push_str(word.text);
                words.push(Counted { start, end: text.len() as u32, weight: field.weight.into() });
                length += u32::from(field.weight);
                ControlFlow::Continue(())
            });
        }
        merge(&text, &mut words);
        Self { text, words, length }
    }

    /// The words with the sums of their weights.
    pub(super) fn words(&self) -> impl ExactSizeIterator<Item = (&str, u16)> {
        self.words.iter().map(|word| (spelt(&self.text, word), word.weight))
    }

    /// The weights of all words together.
    pub(super) fn length(&self) -> u32 {
        self.length
    }
}

fn merge(text: &str, words: &mut Vec<Counted>) {
    words.sort_unstable_by(|a, b| spelt(text, a).cmp(spelt(text, b)));
    words.dedup_by(|next, kept| {
        let same = spelt(text, next) == spelt(text, kept);
        if same {
            kept.weight = kept.weight.saturating_add(next.weight);
        }
        same
    });
}

fn spelt<'t>(text: &'t str, word: &Counted) -> &'t str {
    &text[word.start as usize..word.end as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_with_their_weights() {
        let fields = [("Parse the invoice", 3), ("an invoice, parsed", 1), ("hidden", 0)];
        let analysis = Analysis::of(&fields.map(|(text, weight)| Field { text, weight }));
        let words: Vec<_> = analysis.words().collect();
        assert_eq!(words, [("invoice", 4), ("parse", 3), ("parsed", 1)]);
        assert_eq!(analysis.length(), 8);
    }

    #[test]
    fn a_huge_text_is_bounded_and_takes_no_room_from_the_name() {
        let long: String = (0..20_000).map(|number| format!("w{number} ")).collect();
        let fields = [Field { text: &long, weight: 1 }, Field { text: "name", weight: 3 }];
        let analysis = Analysis::of(&fields);
        assert!(analysis.words().len() <= MOST_WORDS);
        assert!(analysis.words().any(|word| word == ("name", 3)));
        let heavy = Analysis::of(&[Field { text: &"x ".repeat(5_000), weight: 255 }]);
        assert_eq!(heavy.words().collect::<Vec<_>>(), [("x", u16::MAX)]);
        assert_eq!(Analysis::of(&[]).words().len(), 0);
    }
}
