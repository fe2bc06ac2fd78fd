//! The words of a description that say why it was found.

use std::collections::HashSet;

/// The longest context, in characters.
const LONGEST: usize = 200;

/// The sentence of a text that has most of the question's words, the first one if none has any; cut where it
/// is very long.
pub(crate) fn best_sentence(text: &str, query: &str) -> String {
    let asked: HashSet<String> = words(query).collect();
    let mut best: (usize, &str) = (0, "");
    for sentence in sentences(text) {
        let told: HashSet<String> = words(sentence).collect();
        let shared = told.intersection(&asked).count();
        if best.1.is_empty() || shared > best.0 {
            best = (shared, sentence);
        }
    }
    let mut context: String = best.1.chars().take(LONGEST).collect();
    if context.len() < best.1.len() {
        context.push('…');
    }
    context
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() > 2).map(str::to_lowercase)
}

/// A sentence ends with its line, and at `.`, `!` and `?` before a word that begins large: not in "e.g. this".
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let (mut start, mut before) = (0, ' ');
    for (at, letter) in text.char_indices() {
        let begins = || text[at..].trim_start().chars().next().is_some_and(|first| !first.is_lowercase());
        let ends = letter.is_whitespace() && matches!(before, '.' | '!' | '?') && begins();
        if letter == '\n' || ends {
            sentences.push(&text[start..at]);
            start = at;
        }
        before = letter;
    }
    sentences.push(&text[start..]);
    sentences.into_iter().map(str::trim).filter(|sentence| !sentence.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_that_was_meant() {
        let text = "Tells the time. Knows every time zone of the world, e.g. that of Tokyo.\nConverts dates!";
        for (query, expected) in [
            ("which zone is tokyo in", "Knows every time zone of the world, e.g. that of Tokyo."),
            ("convert dates", "Converts dates!"),
            ("nothing of it", "Tells the time."),
            ("", "Tells the time."),
        ] {
            assert_eq!(best_sentence(text, query), expected, "{query}");
        }
        assert_eq!(best_sentence("", "x"), "");
        assert_eq!(best_sentence("no end", "end"), "no end");
        let long = "ü".repeat(300);
        assert_eq!(best_sentence(&long, "x").chars().count(), 201);
    }
}
