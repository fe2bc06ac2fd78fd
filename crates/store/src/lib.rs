//! Where is it kept? Every write asks for a [`access::Permit`]; reads are in memory.

mod catalogue;
pub mod conformance;
mod error;
pub mod file;

use std::sync::Arc;

use access::Permit;
use async_trait::async_trait;
use catalog::{AgentEntry, EntryPath};

pub use catalogue::Catalogue;
pub use error::StoreError;

/// The agents of one registry.
///
/// What a write acknowledges is durable, and every later [`AgentStore::catalogue`]
/// shows it. An update names the entity tag it was made from; if the entry has
/// another by now, nothing is written.
#[async_trait]
pub trait AgentStore: Send + Sync {
    /// All agents as of now: one consistent picture that later writes do not change.
    fn catalogue(&self) -> Arc<Catalogue>;

    /// Keeps a new agent.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its path is; [`StoreError::Unavailable`] when it cannot be kept.
    async fn insert(&self, permit: &Permit, entry: AgentEntry) -> Result<Arc<AgentEntry>, StoreError>;

    /// Puts `entry` in place of the one at its path, if that one still has the tag `expected`.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::Changed`], [`StoreError::Unavailable`].
    async fn replace(
        &self,
        permit: &Permit,
        expected: &str,
        entry: AgentEntry,
    ) -> Result<Arc<AgentEntry>, StoreError>;

    /// Removes the agent at `path`, if it still has the tag `expected`.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::Changed`], [`StoreError::Unavailable`].
    async fn remove(&self, permit: &Permit, expected: &str, path: &EntryPath) -> Result<(), StoreError>;
}
