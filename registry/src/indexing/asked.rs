//! Questions to the index.

use search::{Filter, Scope, SearchError};

use super::document::Document;
use super::narrow::Narrow;
use super::{Index, Key, Phase, Sight};
use crate::identity::Caller;

/// What a question is asked of, and how much is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) narrow: Narrow,
    /// How many hits over all its kinds.
    pub(crate) most: usize,
    /// How relevant they must be, 0 to 1.
    pub(crate) least: f64,
}

/// Something that fits a question.
pub(crate) struct Hit {
    pub(crate) key: Key,
    pub(crate) score: Score,
}

/// Why, and how well.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    /// 0 to 1, four decimals, like the two it is made of.
    pub(crate) relevance: f64,
    /// How near its meaning is.
    pub(crate) semantic: f64,
    /// What it says that it has so many of the question's words.
    pub(crate) lexical: f64,
    /// Which of them.
    pub(crate) terms: Vec<String>,
}

/// What was found.
pub(crate) struct Found {
    /// The hits for each want, best first.
    pub(crate) hits: Vec<Vec<Hit>>,
    /// The question as the caller's entries would spell it.
    pub(crate) did_you_mean: Option<String>,
    /// See [`Index::mode`].
    pub(crate) mode: &'static str,
}

impl Index {
    /// What fits the text best among what the caller may see and what is enabled, for each of these wants. The text
    /// is read once.
    pub(crate) async fn search(
        &self,
        caller: &Caller,
        text: &str,
        wants: &[Wanted],
    ) -> Result<Found, &'static str> {
        let mode = self.mode();
        let (inner, caller, text, wants) = (self.0.clone(), caller.clone(), text.to_owned(), wants.to_vec());
        let searched = self.0.compute(move || {
            let question = inner.engine.question(&text)?;
            let sight = Sight::new(&caller);
            let (class, open) = (sight.class(), sight.is_open());
            let permitted = |document: &Document| sight.sees(document);
            let mut found = Found { hits: Vec::new(), did_you_mean: None, mode };
            for Wanted { narrow, most, least } in &wants {
                let name = narrow.name();
                let admits = |document: &Document| narrow.admits(document);
                let filter = Filter { name: name.as_deref(), admits: &admits };
                let filter = Some(filter).filter(|_| !narrow.is_all());
                let scope = Scope { class: &class, permitted: &permitted, open, filter };
                let told = inner.engine.search(&question, &scope, *most, *least)?;
                found.hits.push(told.hits.iter().filter_map(Hit::read).collect());
                found.did_you_mean = found.did_you_mean.or_else(|| told.did_you_mean.clone());
            }
            Ok(found)
        });
        let failed = |cause: String| {
            tracing::error!(cause, "a search failed");
            "the question could not be read; the log has the cause"
        };
        searched.await.map_err(failed)?.map_err(|error: SearchError| failed(error.to_string()))
    }

    /// What answers: `semantic` meaning and words; `partial` the same, while some vectors are still being made;
    /// `lexical` words alone. It speaks of the registry as a whole: how far the entries of some caller are, nobody
    /// else is told.
    fn mode(&self) -> &'static str {
        match **self.0.phase.load() {
            Phase::Ready => "semantic",
            Phase::Building(_) => "partial",
            Phase::Loading | Phase::Off(_) => "lexical",
        }
    }
}

impl Hit {
    fn read(hit: &search::Hit) -> Option<Hit> {
        let search::Hit { key, relevance, semantic, lexical, terms } = hit;
        let (semantic, lexical) = (four_decimals(*semantic), four_decimals(*lexical));
        let score = Score { relevance: *relevance, semantic, lexical, terms: terms.clone() };
        Some(Hit { key: Key::read(key)?, score })
    }
}

fn four_decimals(share: f32) -> f64 {
    (f64::from(share).clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0
}
