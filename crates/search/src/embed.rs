//! The trait of everything that turns a text into a vector.

use crate::SearchError;

/// Turns texts into vectors of length one, so that their dot product is their cosine.
///
/// The same text gives the same vector, whatever was embedded before it.
pub trait Embedder: Send + Sync {
    /// The vector of one text: `dimensions()` finite numbers, L2-normalised.
    ///
    /// # Errors
    /// [`SearchError::Embedding`] when the model fails.
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError>;

    /// Whether the model knows a word, in lower case, as one piece: such a word is not a misspelled one.
    fn knows(&self, word: &str) -> bool;

    /// Length of every vector.
    fn dimensions(&self) -> usize;

    /// Names model and recipe: two embedders with one fingerprint give equal vectors for equal texts.
    /// Saved vectors are used only under the fingerprint they were made with.
    fn fingerprint(&self) -> &str;
}
