//! Words that only hold a sentence together.

/// In the order of the alphabet. Function words alone, and `find`, which every other question begins with:
/// what could be part of a name is no stop word.
#[rustfmt::skip]
const STOP_WORDS: [&str; 145] = [
    "a", "about", "again", "all", "also", "am", "an", "and", "any", "anyone", "anything", "are", "aren",
    "as", "at", "be", "because", "been", "being", "but", "by", "can", "cannot", "could", "couldn", "did",
    "didn", "do", "does", "doesn", "doing", "don", "done", "each", "either", "else", "ever", "every",
    "everybody", "everyone", "everything", "find", "for", "from", "had", "hadn", "has", "hasn", "have",
    "haven", "having", "he", "her", "here", "hers", "him", "his", "how", "however", "i", "if", "in", "into",
    "is", "isn", "it", "its", "itself", "may", "me", "might", "mine", "must", "my", "myself", "neither",
    "no", "nor", "not", "of", "on", "onto", "or", "other", "our", "ours", "ourselves", "please", "shall",
    "she", "should", "shouldn", "since", "so", "some", "somebody", "someone", "something", "such", "than",
    "that", "the", "their", "theirs", "them", "themselves", "then", "there", "these", "they", "this",
    "those", "though", "to", "too", "until", "upon", "us", "very", "was", "wasn", "we", "were", "weren",
    "what", "whatever", "when", "where", "whether", "which", "while", "who", "whom", "whose", "why", "will",
    "with", "within", "would", "wouldn", "yet", "you", "your", "yours", "yourself",
];

/// The longest of them.
const MOST_LETTERS: usize = 10;

pub(super) fn is_stop_word(word: &str) -> bool {
    word.len() <= MOST_LETTERS && STOP_WORDS.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stop_word_is_found() {
        assert!(STOP_WORDS.is_sorted());
        assert!(STOP_WORDS.iter().all(|word| is_stop_word(word)));
        assert!(["", "agent", "get", "tool", "the-"].iter().all(|word| !is_stop_word(word)));
    }
}
