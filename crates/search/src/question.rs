//! A question, read and embedded once, and kept for whoever asks it again.

use std::sync::Arc;

use moka::sync::Cache;

use crate::lexical::Asked;

/// Bytes of questions that are kept: about 2 KB each of usual ones.
const ROOM: u64 = 32 << 20;
/// Bytes of a question beside its words and its vector.
const OVERHEAD: usize = 256;

/// A question: its words, and its vector where there is a model.
#[derive(Debug)]
pub struct Question {
    pub(crate) text: String,
    pub(crate) words: Asked,
    pub(crate) vector: Option<Vec<f32>>,
}

impl Question {
    pub(crate) fn new(text: String, vector: Option<Vec<f32>>) -> Arc<Self> {
        Arc::new(Self { words: Asked::read(&text), text, vector })
    }

    /// The question as it was understood: white space is one blank each, and none at the ends.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The questions of a while, by their text.
pub(crate) struct Questions(Cache<Box<str>, Arc<Question>, ahash::RandomState>);

impl Questions {
    pub(crate) fn new() -> Self {
        let weigh = |_: &_, question: &Arc<Question>| {
            let vector = question.vector.as_ref().map_or(0, |vector| vector.len() * size_of::<f32>());
            let bytes = OVERHEAD + 2 * question.text.len() + question.words.bytes() + vector;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(ROOM).weigher(weigh).build_with_hasher(ahash::RandomState::new()))
    }

    pub(crate) fn get(&self, text: &str) -> Option<Arc<Question>> {
        self.0.get(text)
    }

    pub(crate) fn keep(&self, question: &Arc<Question>) {
        self.0.insert(question.text.as_str().into(), question.clone());
    }
}

/// White space is one blank each, and none at the ends: the same question then has the same vector.
pub(crate) fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
