//! Where is it kept? Every write asks for a [`access::Permit`]; reads are in memory.

mod catalogue;
mod change;
mod change_log;
pub mod conformance;
pub mod directory;
mod error;
mod expected;
pub mod file;
mod kept;
pub mod postgres;
mod status;

use std::sync::Arc;

use access::Permit;
use async_trait::async_trait;
use catalog::{Entry, EntryPath};
use tokio::sync::watch;

pub use catalogue::Catalogue;
pub use change::{Change, What};
pub use change_log::{ChangeLog, HistoryLimits};
pub use error::StoreError;
pub use kept::Kept;
pub use status::Status;

/// Seconds since 1970: a field, so that tests can set it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The entries of one kind, agents or MCP servers, of one registry.
///
/// What a write acknowledges is durable, and every later [`EntryStore::catalogue`]
/// shows it, with the change among its [`Catalogue::changes`]: the author is whom the
/// permit was given to. An update names the entity tag it was made from; if the entry
/// has another by now, nothing is written. A caller who hangs up in the middle of his
/// write leaves it whole or not there.
#[async_trait]
pub trait EntryStore<E: Entry>: Send + Sync {
    /// All entries as of now: one consistent picture that later writes do not change.
    fn catalogue(&self) -> Arc<Catalogue<E>>;

    /// Afterwards [`EntryStore::catalogue`] shows everything that was acknowledged before the call, whichever
    /// process acknowledged it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when that cannot be known.
    async fn refresh(&self) -> Result<(), StoreError>;

    /// Keeps a new entry.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its path is; [`StoreError::Unavailable`] when it cannot be kept.
    async fn insert(&self, permit: &Permit, entry: E) -> Result<Arc<E>, StoreError>;

    /// Puts `entry` in place of the one at its path, if that one still has the tag `expected`.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::Changed`], [`StoreError::Unavailable`].
    async fn replace(&self, permit: &Permit, expected: &str, entry: E) -> Result<Arc<E>, StoreError>;

    /// Removes the entry at `path`, if it still has the tag `expected`.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::Changed`], [`StoreError::Unavailable`].
    async fn remove(&self, permit: &Permit, expected: &str, path: &EntryPath) -> Result<(), StoreError>;

    /// Tells the number of the latest change, whenever it grows; [`EntryStore::catalogue`] then shows it.
    fn follow(&self) -> watch::Receiver<u64>;

    /// How it is doing.
    fn status(&self) -> Status;

    /// Ends well: what was acknowledged is in its resting form, and writes are refused from now on.
    async fn close(&self);
}
