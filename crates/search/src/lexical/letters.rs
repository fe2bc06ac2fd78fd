//! One character as search reads it: compatibility forms and accents undone, lower case.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// What a character is to the words around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    /// A letter in lower case, and whether it was written as a capital.
    Alphabetic(char, bool),
    Digit(char),
    /// A character of a script that has no spaces: it is a word of its own.
    Cjk(char),
    /// An accent of the character before.
    Mark(char),
    /// `-`, `_`, `.`: what stands on both sides may be one name.
    Joiner,
    /// Everything else ends a word.
    Border,
}

/// Reads a byte of ASCII: most texts are nothing else, and this is quick.
pub(super) fn read_ascii(byte: u8) -> Letter {
    match byte {
        b'a'..=b'z' => Letter::Alphabetic(byte.into(), false),
        b'A'..=b'Z' => Letter::Alphabetic(byte.to_ascii_lowercase().into(), true),
        b'0'..=b'9' => Letter::Digit(byte.into()),
        b'-' | b'_' | b'.' => Letter::Joiner,
        _ => Letter::Border,
    }
}

/// Reads a character; some are several (`ﬁ`), and some are none (a soft hyphen).
pub(super) fn read(character: char, mut each: impl FnMut(Letter)) {
    match character {
        '\u{2010}' | '\u{2011}' => each(Letter::Joiner),
        // An apostrophe that counts as a letter elsewhere.
        '\u{2bc}' => each(Letter::Border),
        // Soft hyphen, the joiners of Arabic and Indic scripts, the Arabic stroke that fills a line.
        '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{640}' => {}
        '\0'..='\u{7f}' => each(read_ascii(character as u8)),
        _ if is_cjk(character) && !is_cjk_form(character) => each(Letter::Cjk(character)),
        _ if is_combining_mark(character) => each(mark(character)),
        // Signs are not taken apart: a trademark's `TM` is no word.
        _ if !character.is_alphanumeric() => each(Letter::Border),
        _ => decompose_compatible(character, |part| lower(part, &mut each)),
    }
}

fn lower(part: char, each: &mut impl FnMut(Letter)) {
    if is_combining_mark(part) {
        return each(mark(part));
    }
    let capital = part.is_uppercase();
    for small in part.to_lowercase() {
        match small {
            'ß' => (0..2).for_each(|_| each(Letter::Alphabetic('s', capital))),
            'ς' => each(Letter::Alphabetic('σ', capital)),
            _ => each(kind(small, capital)),
        }
    }
}

fn kind(character: char, capital: bool) -> Letter {
    if is_cjk(character) {
        Letter::Cjk(character)
    } else if character.is_alphabetic() {
        Letter::Alphabetic(character, capital)
    } else if character.is_numeric() {
        Letter::Digit(character)
    } else {
        Letter::Border
    }
}

/// In the scripts from Devanagari to Khmer marks are the vowels: without them, words would fall together.
fn mark(character: char) -> Letter {
    match character {
        '\u{900}'..='\u{1aaf}' => Letter::Alphabetic(character, false),
        _ => Letter::Mark(character),
    }
}

/// Han, Hiragana, Katakana and Hangul.
pub(super) fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11ff}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3041}'..='\u{3096}'
        | '\u{309d}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{3131}'..='\u{318e}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a960}'..='\u{a97c}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{d7b0}'..='\u{d7fb}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9d}'
        | '\u{ffa1}'..='\u{ffdc}' | '\u{20000}'..='\u{323af}')
}

/// Those of them that are another character in an older or narrower form.
fn is_cjk_form(character: char) -> bool {
    matches!(character, '\u{3131}'..='\u{318e}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ffdc}'
        | '\u{2f800}'..='\u{2fa1f}')
}
