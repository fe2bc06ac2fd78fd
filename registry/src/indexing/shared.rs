//! Vectors that all replicas share: what one has computed, the others take.
//!
//! A cache like the file of vectors: when it fails, this replica computes, and asks again a while later.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use search::TextHash;
use store::postgres::PostgresShelf;
use tokio::runtime::Handle;

/// How long nobody asks a shelf that has failed: each try may take as long as the database is waited for.
const REST: Duration = Duration::from_secs(10);

/// The shelf, for threads that compute.
#[derive(Clone)]
pub struct SharedVectors(Arc<Inner>);

struct Inner {
    shelf: PostgresShelf,
    runtime: Handle,
    failed: Mutex<Option<Instant>>,
}

impl SharedVectors {
    /// The shelf of a store; call it in the runtime that is to serve it.
    pub fn new(shelf: PostgresShelf) -> SharedVectors {
        SharedVectors(Arc::new(Inner { shelf, runtime: Handle::current(), failed: Mutex::default() }))
    }

    /// The vectors of these texts that some replica has computed.
    pub(super) async fn find(&self, model: &str, texts: &[TextHash]) -> Vec<(TextHash, Vec<u8>)> {
        if texts.is_empty() || self.rests() {
            return Vec::new();
        }
        let found = self.0.shelf.find(model, texts).await;
        found.unwrap_or_else(|reason| {
            self.fails(&reason);
            Vec::new()
        })
    }

    /// The same on a thread of its own.
    pub(super) fn find_now(&self, model: &str, texts: &[TextHash]) -> Vec<(TextHash, Vec<u8>)> {
        self.0.runtime.block_on(self.find(model, texts))
    }

    /// Keeps a vector for the others; nobody waits for it.
    pub(super) fn keep(&self, model: &str, vector: (TextHash, Vec<u8>)) {
        let (shared, model) = (self.clone(), model.to_owned());
        self.0.runtime.spawn(async move {
            if !shared.rests()
                && let Err(reason) = shared.0.shelf.keep(&model, &[vector]).await
            {
                shared.fails(&reason);
            }
        });
    }

    /// Forgets the vectors of all other texts; nobody waits for it.
    pub(super) fn keep_only(&self, model: &str, texts: Vec<TextHash>) {
        let (shared, model) = (self.clone(), model.to_owned());
        self.0.runtime.spawn(async move {
            if let Err(reason) = shared.0.shelf.keep_only(&model, &texts).await {
                tracing::warn!(reason, "vectors that nobody needs stay in the database");
            }
        });
    }

    fn rests(&self) -> bool {
        self.failed().is_some_and(|at| at.elapsed() < REST)
    }

    fn fails(&self, reason: &str) {
        tracing::warn!(reason, "the vectors of other replicas are out of reach; this one computes");
        *self.failed() = Some(Instant::now());
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
