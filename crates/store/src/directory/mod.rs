//! The agent directory: who the agents are, what they may do, what they have used, which MCP servers
//! tokens are made for, and which tokens are void (design page "agent-identity").
//!
//! It is kept as events. A change is decided on the newest picture and is then one event of a log, a
//! file's or a database's, on the disk before it is acknowledged; [`picture::Directory::apply`] alone
//! says what an event means, so both logs give the same directory.

mod agent;
pub mod conformance;
mod file;
mod keeper;
mod kept;
mod log;
mod picture;
mod postgres;
mod target;
#[cfg(test)]
mod tests;
mod usage;
mod whole;
mod wish;

use std::sync::Arc;
use std::time::Duration;

use access::DirectoryPermit;
use async_trait::async_trait;
use tokio::sync::watch;

pub use agent::{AgentChanges, AgentIdentity, AgentStatus, Budget, Limit, NewSecret, SecretHash};
pub use file::{FOLD_AFTER, open_file, open_file_folding};
pub use picture::Directory;
pub use postgres::{PostgresDirectoryOptions, open_postgres};
pub use target::McpTarget;
pub use usage::{DAY, DayUsage, Usage, day_of, end_of_day};
pub use wish::{Done, Wish};

use crate::{Status, StoreError};

/// The directory of one organisation.
///
/// What a write acknowledges is durable, and every later [`DirectoryStore::directory`] shows it. A caller
/// who hangs up in the middle of his write leaves it whole or not there.
#[async_trait]
pub trait DirectoryStore: Send + Sync {
    /// Everything as of now: one consistent picture that later writes do not change.
    fn directory(&self) -> Arc<Directory>;

    /// Does what is wished, if the permit is for it.
    ///
    /// # Errors
    /// [`StoreError::WrongPermit`], [`StoreError::Taken`] with the name that is, [`StoreError::Absent`],
    /// [`StoreError::Changed`] when it was made from an older version, [`StoreError::Unavailable`].
    async fn write(&self, permit: &DirectoryPermit, wish: Wish) -> Result<Done, StoreError>;

    /// Afterwards [`DirectoryStore::directory`] shows everything that was acknowledged before the call,
    /// whichever process acknowledged it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when that cannot be known.
    async fn refresh(&self) -> Result<(), StoreError>;

    /// Tells the number of the latest change, whenever it grows.
    fn follow(&self) -> watch::Receiver<u64>;

    /// For how long it has not been known whether others wrote; nothing where nobody else can.
    fn lag(&self) -> Duration;

    /// How it is doing.
    fn status(&self) -> Status;

    /// Ends well: what was acknowledged is in its resting form, and writes are refused from now on.
    async fn close(&self);
}
