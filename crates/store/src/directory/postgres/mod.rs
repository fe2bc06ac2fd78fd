//! Many auth-servers, one Postgres. The directory is in memory, also while the database is away; every batch
//! is one statement, which does nothing where another server wrote meanwhile.
//!
//! One connection: what others have written is asked for between two batches, so that no two statements of
//! one server ever meet.

mod load;
mod log;
mod statement;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use self::log::PostgresLog;
use super::DirectoryStore;
use super::kept::{Setting, keep_in_task};
use crate::postgres::{DatabaseUrl, Follow, schema};
use crate::{Clock, StoreError};

/// How to open the directory in a database.
#[derive(Clone)]
pub struct PostgresDirectoryOptions {
    /// Where the database is.
    pub url: DatabaseUrl,
    /// Seconds since 1970.
    pub clock: Clock,
    /// Grows with every change of who may do what, whoever made it.
    pub rights: Arc<AtomicU64>,
    /// How often the database is asked for what others have written.
    pub interval: Duration,
    /// After how long an answer is no longer waited for.
    pub patience: Duration,
    /// Whether missing tables are made.
    pub migrate: bool,
}

impl PostgresDirectoryOptions {
    /// The usual ones: asked twice a second, five seconds of patience, no tables made.
    pub fn new(url: DatabaseUrl, clock: Clock, rights: Arc<AtomicU64>) -> PostgresDirectoryOptions {
        PostgresDirectoryOptions {
            url,
            clock,
            rights,
            interval: Duration::from_millis(500),
            patience: Duration::from_secs(5),
            migrate: false,
        }
    }
}

/// Opens the directory that is kept in a database, and follows what other servers write in it.
///
/// # Errors
/// [`StoreError::Unprepared`] when the tables are missing or another version's, and
/// [`StoreError::Unavailable`] when the database is not reached, or holds what this version cannot read.
/// None of them names the password.
pub async fn open_postgres(options: PostgresDirectoryOptions) -> Result<Arc<dyn DirectoryStore>, StoreError> {
    let PostgresDirectoryOptions { url, clock, rights, interval, patience, migrate } = options;
    if migrate {
        schema::migrate(&url, Follow::Listen).await?;
    }
    let place = url.place();
    let (log, directory) = PostgresLog::open(url, interval, patience).await?;
    Ok(keep_in_task(Setting { kind: "postgres", place, clock, rights }, directory, log))
}
