//! Vectors beside the entries, so that a replica never computes what another has.

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Executor, PgConnection, Postgres, Row};
use tokio::sync::Mutex;

use super::DatabaseUrl;
use super::link::{Trouble, connect, within};

/// How many vectors are asked for at once.
const PORTION: usize = 1000;

/// Vectors by model and by the SHA-256 of their text. It is a cache: whoever is told of a fault computes.
pub struct PostgresShelf {
    url: DatabaseUrl,
    patience: Duration,
    connection: Mutex<Option<PgConnection>>,
}

impl PostgresShelf {
    pub(super) fn new(url: DatabaseUrl, patience: Duration) -> PostgresShelf {
        PostgresShelf { url, patience, connection: Mutex::new(None) }
    }

    /// The vectors of these texts that some replica has computed.
    ///
    /// # Errors
    /// Why the database could not be asked.
    pub async fn find(&self, model: &str, texts: &[[u8; 32]]) -> Result<Vec<([u8; 32], Vec<u8>)>, String> {
        let mut found = Vec::new();
        for portion in texts.chunks(PORTION) {
            let hashes: Vec<&[u8]> = portion.iter().map(<[u8; 32]>::as_slice).collect();
            let asked = sqlx::query(
                "SELECT text_hash, vector FROM embeddings WHERE model = $1 AND text_hash = ANY($2)",
            );
            let rows = self.ask(asked.bind(model).bind(&hashes)).await?;
            for row in rows {
                let read = || Ok::<_, sqlx::Error>((row.try_get("text_hash")?, row.try_get("vector")?));
                let (hash, vector): (Vec<u8>, Vec<u8>) = read().map_err(|fault| fault.to_string())?;
                found.extend(hash.try_into().ok().map(|hash| (hash, vector)));
            }
        }
        Ok(found)
    }

    /// Keeps vectors for the others. Two who have computed the same have the same vector.
    ///
    /// # Errors
    /// Why the database did not take them.
    pub async fn keep(&self, model: &str, vectors: &[([u8; 32], Vec<u8>)]) -> Result<(), String> {
        for portion in vectors.chunks(PORTION) {
            let hashes: Vec<&[u8]> = portion.iter().map(|(hash, _)| hash.as_slice()).collect();
            let vectors: Vec<&[u8]> = portion.iter().map(|(_, vector)| vector.as_slice()).collect();
            let kept = sqlx::query(
                "INSERT INTO embeddings (model, text_hash, vector) \
                 SELECT $1, text_hash, vector FROM unnest($2::bytea[], $3::bytea[]) AS new (text_hash, vector) \
                 ON CONFLICT (model, text_hash) DO NOTHING",
            );
            self.ask(kept.bind(model).bind(&hashes).bind(&vectors)).await?;
        }
        Ok(())
    }

    /// Forgets this model's vectors of all other texts.
    ///
    /// # Errors
    /// Why the database did not forget them.
    pub async fn keep_only(&self, model: &str, texts: &[[u8; 32]]) -> Result<(), String> {
        let hashes: Vec<&[u8]> = texts.iter().map(<[u8; 32]>::as_slice).collect();
        let gone = sqlx::query("DELETE FROM embeddings WHERE model = $1 AND NOT (text_hash = ANY($2))");
        self.ask(gone.bind(model).bind(&hashes)).await.map(drop)
    }

    async fn ask(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, String> {
        let reason = |trouble: Trouble| trouble.reason();
        let mut held = self.connection.lock().await;
        let mut connection = match held.take() {
            Some(connection) => connection,
            None => connect(&self.url, self.patience).await.map_err(reason)?,
        };
        // Back in its place only when it is in order.
        let rows = within(self.patience, connection.fetch_all(query)).await.map_err(reason)?;
        *held = Some(connection);
        Ok(rows)
    }
}
