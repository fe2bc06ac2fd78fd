//! Answers that were given a moment ago, for whoever asks the same again.
//!
//! An answer is that of one set of rows: it holds until one of these rows changes, and no longer. It is found under
//! the class of the caller, like his rows.

use std::sync::Arc;

use moka::sync::Cache;

use crate::engine::Found;
use crate::views::Members;

/// Bytes of questions and hits that are kept.
const ROOM: u64 = 32 << 20;
/// Bytes of an answer, and of a hit, beside their texts.
const OVERHEAD: usize = 256;
const EACH: usize = 96;

/// What was asked, by whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    /// The class, and the name of the filter.
    pub(crate) name: Box<str>,
    pub(crate) question: Box<str>,
    pub(crate) most: usize,
    /// The bits of the least relevance.
    pub(crate) least: u64,
}

#[derive(Clone)]
struct Answer {
    /// Of which rows it is.
    of: [u64; 2],
    found: Arc<Found>,
}

pub(crate) struct Answers(Cache<Request, Answer, ahash::RandomState>);

impl Answers {
    pub(crate) fn new() -> Self {
        let weigh = |request: &Request, answer: &Answer| {
            let hits = answer.found.hits.iter();
            let hits = hits.map(|hit| {
                EACH + hit.key.len() + hit.terms.iter().map(|term| 32 + term.len()).sum::<usize>()
            });
            let bytes = OVERHEAD + request.name.len() + request.question.len() + hits.sum::<usize>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(ROOM).weigher(weigh).build_with_hasher(ahash::RandomState::new()))
    }

    /// The answer, if nothing that it is of has changed since.
    pub(crate) fn get(&self, request: &Request, members: &Members, wanted: &Members) -> Option<Arc<Found>> {
        let answer = self.0.get(request).filter(|answer| answer.of == [members.id, wanted.id])?;
        Some(answer.found)
    }

    pub(crate) fn keep(&self, request: Request, members: &Members, wanted: &Members, found: &Arc<Found>) {
        self.0.insert(request, Answer { of: [members.id, wanted.id], found: found.clone() });
    }
}
