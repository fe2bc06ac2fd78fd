//! The word that was meant: entry words by first letter and length, so that few are compared.

use std::collections::HashMap;

use strsim::osa_distance;

use super::letters::is_cjk;
use super::words::MOST_LETTERS;

/// A shorter word is near to too many others.
const LEAST_LETTERS: usize = 4;

/// From so many letters on a word may have two mistakes.
const LETTERS_FOR_TWO: usize = 7;

/// Words of letters only, by first letter and length.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    shelves: HashMap<(char, u8), Shelf, ahash::RandomState>,
}

/// Words, and which letters they have, a bit each: an edit changes two at most. A map, because somebody may publish very
/// many that begin alike, and have them deleted.
type Shelf = HashMap<u32, u32, ahash::RandomState>;

impl Spellings {
    pub(super) fn insert(&mut self, text: &str, word: u32) {
        if let Some(shelf) = shelf(text) {
            self.shelves.entry(shelf).or_default().insert(word, letters(text));
        }
    }

    pub(super) fn remove(&mut self, text: &str, word: u32) {
        let Some(shelf) = shelf(text) else { return };
        let Some(spellings) = self.shelves.get_mut(&shelf) else { return };
        spellings.remove(&word);
        if spellings.is_empty() {
            self.shelves.remove(&shelf);
        }
    }

    /// Words that may have been meant, with their distances, in no particular order.
    pub(super) fn near<'a>(&self, asked: &str, text: impl Fn(u32) -> &'a str) -> Vec<(usize, u32)> {
        let Some((first, length)) = shelf(asked) else { return Vec::new() };
        let reach: u8 = if usize::from(length) < LETTERS_FOR_TWO { 1 } else { 2 };
        let has = letters(asked);
        let mut near = Vec::new();
        for length in length.saturating_sub(reach)..=length + reach {
            for (word, letters) in self.shelves.get(&(first, length)).into_iter().flatten() {
                if (letters ^ has).count_ones() > 2 * u32::from(reach) {
                    continue;
                }
                let distance = osa_distance(asked, text(*word));
                if distance <= usize::from(reach) {
                    near.push((distance, *word));
                }
            }
        }
        near
    }

    pub(super) fn bytes(&self) -> usize {
        let words: usize =
            self.shelves.values().map(|shelf| shelf.capacity() * size_of::<(u32, u32)>()).sum();
        words + self.shelves.capacity() * size_of::<((char, u8), Shelf)>()
    }
}

/// Whether a word of a question can be one that was meant to be another. One that was cut cannot: what was
/// cut off would stay behind the new word.
pub(super) fn is_repairable(word: &str) -> bool {
    shelf(word).is_some_and(|(_, length)| (LEAST_LETTERS..MOST_LETTERS).contains(&usize::from(length)))
}

/// First letter and length of a word of letters. One with digits is a name: its neighbour is another name.
fn shelf(text: &str) -> Option<(char, u8)> {
    let first = text.chars().next()?;
    let length = u8::try_from(text.chars().count()).ok()?;
    text.chars().all(|letter| letter.is_alphabetic() && !is_cjk(letter)).then_some((first, length))
}

fn letters(text: &str) -> u32 {
    text.chars().fold(0, |letters, letter| match letter {
        'a'..='z' => letters | 1 << (letter as u32 - 'a' as u32),
        _ => letters | 1 << (26 + letter as u32 % 6),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 9] =
        ["kubernetes", "translate", "translated", "teleport", "iban", "ibans", "übung", "tm7", "東京"];

    fn check(asked: &str, expected: &[(usize, &str)]) {
        let mut spellings = Spellings::default();
        WORDS.iter().zip(0..).for_each(|(text, word)| spellings.insert(text, word));
        let mut near: Vec<_> = spellings.near(asked, |word| WORDS[word as usize]).into_iter().collect();
        near.sort_unstable();
        let near: Vec<_> =
            near.into_iter().map(|(distance, word)| (distance, WORDS[word as usize])).collect();
        assert_eq!(near, expected, "{asked}");
        WORDS.iter().zip(0..).for_each(|(text, word)| spellings.remove(text, word));
        assert!(spellings.shelves.is_empty());
    }

    #[test]
    fn near_words() {
        check("kubernets", &[(1, "kubernetes")]);
        check("kuberntse", &[(2, "kubernetes")]);
        check("trasnlate", &[(1, "translate"), (2, "translated")]);
        check("telport", &[(1, "teleport")]);
        check("leteport", &[]);
        check("ibna", &[(1, "iban")]);
        check("ibnas", &[(1, "ibans")]);
        check("ebnan", &[]);
        check("übnug", &[(1, "übung")]);
        check("tm8", &[]);
        check("東亰", &[]);
        check("", &[]);
    }

    #[test]
    fn what_can_be_a_mistake() {
        for (word, expected) in
            [("iba", false), ("ibna", true), ("ib4n", false), ("übnug", true), ("東京東京", false)]
        {
            assert_eq!(is_repairable(word), expected, "{word}");
        }
        assert!(!is_repairable(&"x".repeat(MOST_LETTERS)));
    }
}
