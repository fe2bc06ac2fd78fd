//! The tables: made by `registry migrate`, checked at every start.

use std::borrow::Cow;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationSource, MigrationType, Migrator};
use sqlx::{Executor, PgConnection, Row};

use super::link::{self, Trouble, connect};
use super::{DatabaseUrl, Follow};
use crate::StoreError;

/// Every step, in its order. A step that was released is never edited: the next one mends it.
const STEPS: [(i64, &str, &str); 4] = [
    (1, "agents", include_str!("../../migrations/0001_agents.sql")),
    (2, "generation", include_str!("../../migrations/0002_generation.sql")),
    // Registries of step 2 live with it: they do not look at its tables.
    (3, "directory", include_str!("../../migrations/0003_directory.sql")),
    // Nor at these: to them there are no MCP servers.
    (4, "servers", include_str!("../../migrations/0004_servers.sql")),
];

/// How long making the tables may take, another replica's turn included.
const LIMIT: Duration = Duration::from_secs(60);
/// Without a lock, replicas that start at once may get in each other's way; somebody always gets through.
const ATTEMPTS: u32 = 5;

#[derive(Debug)]
struct Steps;

type Resolved<'s> =
    Pin<Box<dyn Future<Output = Result<Vec<Migration>, Box<dyn Error + Send + Sync>>> + Send + 's>>;

impl MigrationSource<'static> for Steps {
    fn resolve(self) -> Resolved<'static> {
        let step = |(version, name, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, Cow::Borrowed(sql), false)
        };
        Box::pin(async move { Ok(STEPS.into_iter().map(step).collect()) })
    }
}

/// Makes or changes the tables as this version needs them; does nothing where they are so already.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database is not reached or refuses.
pub async fn migrate(url: &DatabaseUrl, follow: Follow) -> Result<(), StoreError> {
    let unavailable = |reason| StoreError::Unavailable { place: url.place(), reason };
    let mut migrator = Migrator::new(Steps).await.map_err(|fault| unavailable(fault.to_string()))?;
    // Advisory locks are as much Postgres' own as LISTEN is.
    migrator.set_locking(follow == Follow::Listen);
    let mut attempt = 1;
    loop {
        let mut connection = connect(url, LIMIT).await.map_err(|trouble| unavailable(trouble.reason()))?;
        match link::within(LIMIT, run(&migrator, &mut connection)).await {
            Ok(()) => {
                link::close(connection).await;
                return Ok(());
            }
            Err(trouble) if attempt == ATTEMPTS => return Err(unavailable(trouble.reason())),
            Err(trouble) => tracing::info!(reason = trouble.reason(), "the tables are tried again"),
        }
        attempt += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn run(migrator: &Migrator, connection: &mut PgConnection) -> Result<(), MigrateError> {
    // `CREATE TABLE IF NOT EXISTS` tells at every start that it exists, and two at once collide in it.
    if connection.list_applied_migrations().await.is_ok_and(|done| done.len() >= STEPS.len()) {
        return Ok(());
    }
    migrator.run_direct(connection).await
}

impl From<MigrateError> for Trouble {
    fn from(error: MigrateError) -> Trouble {
        Trouble::Refused(error.to_string())
    }
}

/// The oldest step that the tables can be used with; tables that say nothing are those of a step before it.
const MIN_READER: &str = "SELECT min_reader FROM counter";

/// Refuses a database whose tables this version cannot use. Newer ones it can, unless they say otherwise: a
/// new version makes its tables while others still serve.
pub(crate) async fn check(connection: &mut PgConnection, place: &str) -> Result<(), StoreError> {
    let unprepared = |reason: String| StoreError::Unprepared { place: place.to_owned(), reason };
    let advice = "type registry migrate, or start with --migrate";
    let known = STEPS.last().map_or(0, |step| step.0);
    let asked = connection.fetch_one("SELECT max(version) FROM _sqlx_migrations WHERE success").await;
    match asked.and_then(|row| row.try_get::<Option<i64>, _>(0)) {
        Ok(Some(version)) if version == known => Ok(()),
        Ok(Some(version)) if version > known => {
            let asked = connection.fetch_one(MIN_READER).await;
            match asked.and_then(|row| row.try_get::<i64, _>(0)) {
                Ok(needed) if needed <= known => Ok(()),
                Ok(_) | Err(_) => Err(unprepared(format!(
                    "its tables are of version {version}, this registry knows {known}: it is too old for them"
                ))),
            }
        }
        Ok(version) => Err(unprepared(format!(
            "its tables are of version {}, this registry needs {known}: {advice}",
            version.unwrap_or_default()
        ))),
        Err(error) if link::is_missing_table(&error) => {
            Err(unprepared(format!("it has no tables of a registry: {advice}")))
        }
        Err(error) => {
            let reason = Trouble::from(error).reason();
            Err(StoreError::Unavailable { place: place.to_owned(), reason })
        }
    }
}
