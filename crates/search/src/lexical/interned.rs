//! Each text once, under a small number.

use std::collections::HashMap;
use std::sync::Arc;

/// Texts and their numbers. Numbers that were given back are used again; they are never shown to anybody,
/// because they tell in which order texts have come.
#[derive(Debug, Default)]
pub(super) struct Interned {
    numbers: HashMap<Arc<str>, u32, ahash::RandomState>,
    texts: Vec<Option<Arc<str>>>,
    free: Vec<u32>,
    letters: usize,
}

impl Interned {
    pub(super) fn number(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number that is in use.
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    pub(super) fn add(&mut self, text: &str) -> u32 {
        if let Some(number) = self.number(text) {
            return number;
        }
        let text: Arc<str> = text.into();
        self.letters += text.len();
        let number = self.free.pop().unwrap_or_else(|| {
            self.texts.push(None);
            (self.texts.len() - 1) as u32
        });
        self.texts[number as usize] = Some(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    pub(super) fn remove(&mut self, number: u32) {
        if let Some(text) = self.texts.get_mut(number as usize).and_then(Option::take) {
            self.letters -= text.len();
            self.numbers.remove(&text);
            self.free.push(number);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        // Two counters stand before each text, and the table keeps about an eighth of its places free.
        let kept = self.letters + self.numbers.len() * 2 * size_of::<usize>();
        let table = self.numbers.capacity() * (size_of::<(Arc<str>, u32)>() + 1) * 8 / 7;
        kept + table + self.texts.capacity() * size_of::<Arc<str>>() + self.free.capacity() * 4
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again() {
        let mut interned = Interned::default();
        let (a, b) = (interned.add("a"), interned.add("b"));
        assert_eq!((interned.add("a"), interned.text(b)), (a, "b"));
        interned.remove(a);
        assert_eq!((interned.number("a"), interned.add("c")), (None, a));
        assert_eq!((interned.text(a), interned.number("b").unwrap()), ("c", b));
    }
}
