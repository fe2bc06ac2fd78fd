//! What is most alike? Texts become vectors, and the nearest permitted ones are found.
//!
//! Rooms: `embed` (the trait) with two implementations, `bert` (the real model, found by `model` and
//! `hub`, pooled by `pooling`, on `threads`) and `hashed` (no model needed); `matrix` (f16 rows and the
//! exact scan), `graph` (HNSW for big catalogues), `index` (rows and the way a query takes through them),
//! `vectors` (the file that spares a restart the embedding) and `engine`, which joins them.
//!
//! The crate is synchronous: callers with an async runtime run it on threads of their own.

mod bert;
mod embed;
mod engine;
mod error;
mod graph;
mod hashed;
mod hub;
mod index;
mod matrix;
mod model;
mod pooling;
mod threads;
mod vectors;

pub use bert::{Bert, MAX_TOKENS};
pub use embed::Embedder;
pub use engine::{Engine, Hit, Question};
pub use error::{ModelError, SearchError, VectorsError};
pub use hashed::HashedWords;
pub use index::TextHash;
pub use model::{DEFAULT_REPOSITORY, DEFAULT_REVISION, ModelFiles, ModelSource};
pub use threads::single_threaded_maths;
pub use vectors::SavedVectors;
