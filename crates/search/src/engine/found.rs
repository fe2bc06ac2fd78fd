//! What a search finds, and what an engine tells of itself.

/// One answer of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The key it was kept under.
    pub key: String,
    /// 0 to 1, four decimals: `1 − (1 − semantic)·(1 − 0.8·lexical)`.
    pub relevance: f64,
    /// Cosine of the question with it, 0 where that is negative or where there is no vector.
    pub semantic: f32,
    /// How much it says that it has so many of the question's words, 0 to 1: the share of what they are worth, to the
    /// power of 1.5.
    pub lexical: f32,
    /// The words of the question that it has.
    pub terms: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Best first, ties by key.
    pub hits: Vec<Hit>,
    /// The question with its words spelled as entries spell them, where something had to be changed for that. Both
    /// readings were looked for, and each hit counts by the better one.
    pub did_you_mean: Option<String>,
}

/// How far the vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many entries there are.
    pub entries: usize,
    /// How many of them have their vector: the others are found by their words alone.
    pub embedded: usize,
}

/// Bytes that an engine takes up, about.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// Rows, keys and vectors.
    pub rows: usize,
    /// Words.
    pub words: usize,
    /// The graph of a big catalogue.
    pub graph: usize,
}
