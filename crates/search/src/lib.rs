//! What is most alike? Texts become vectors, and the nearest permitted ones are found.
//!
//! Rooms: `embed` (the trait) with two implementations, `bert` (the real model, found by `model` and
//! `hub`, pooled by `pooling`) and `hashed` (no model needed); `rows` (what is kept of each entry: facts, an f16
//! vector, words, and the HNSW graph of a big catalogue), `lexical` (words and what they are worth), `views` (which
//! rows a caller finds), `answers`, `question`, `ranking` (the one score), `vectors` (the file that spares a restart the
//! embedding) and `engine`, which joins them.
//!
//! The crate is synchronous: callers with an async runtime run it on threads of their own.

mod answers;
mod bert;
mod embed;
mod engine;
mod error;
mod hashed;
mod hub;
mod lexical;
mod model;
mod pooling;
mod question;
mod ranking;
mod rows;
mod threads;
mod vectors;
mod views;

pub use bert::{Bert, MAX_TOKENS};
pub use embed::Embedder;
pub use engine::{Engine, Filter, Footprint, Found, Hit, Progress, Scope, Text};
pub use error::{ModelError, SearchError, VectorsError};
pub use hashed::HashedWords;
pub use lexical::Field;
pub use model::{DEFAULT_REPOSITORY, DEFAULT_REVISION, ModelFiles, ModelSource};
pub use question::Question;
pub use rows::TextHash;
pub use threads::single_threaded_maths;
pub use vectors::SavedVectors;
