//! After an older copy was put back: numbers that were given once are not given again.

use std::time::Duration;

use catalog::{AgentEntry, ServerEntry};
use sqlx::{Executor, Row};

use super::link::{self, Trouble, connect_to_write, within};
use super::load::number_of;
use super::{DatabaseUrl, Follow, schema};
use crate::change_log::jump;
use crate::{Kept, StoreError};

const LIMIT: Duration = Duration::from_secs(30);

/// Tells everybody who follows the changes of this database, registries and their callers, to begin anew, and
/// answers the number that the changes of agents go on from. `now` are seconds since 1970.
///
/// # Errors
/// [`StoreError::Unprepared`] where the tables are missing or another version's, [`StoreError::Unavailable`]
/// when the database is not reached or refuses.
pub async fn restored(url: &DatabaseUrl, follow: Follow, now: u64) -> Result<u64, StoreError> {
    let place = url.place();
    let unavailable =
        |trouble: Trouble| StoreError::Unavailable { place: place.clone(), reason: trouble.reason() };
    let mut connection = connect_to_write(url, LIMIT).await.map_err(unavailable)?;
    schema::check(&mut connection, &place).await?;
    // All kinds or none.
    let text = format!("WITH servers AS ({}) {}", begin::<ServerEntry>(), begin::<AgentEntry>());
    let begun = within(LIMIT, connection.fetch_one(sqlx::query(&text).bind(jump(now) as i64))).await;
    let row = begun.map_err(unavailable)?;
    let number = number_of(row.try_get("number").map_err(|fault| unavailable(fault.into()))?);
    if follow == Follow::Listen {
        // Whoever does not hear it sees it when he looks the next time.
        for channel in [AgentEntry::CHANNEL, ServerEntry::CHANNEL] {
            let tell = sqlx::query("SELECT pg_notify($1, 'restored')").bind(channel);
            let _ = within(LIMIT, connection.execute(tell)).await;
        }
    }
    link::close(connection).await;
    number.map_err(unavailable)
}

/// Another life, and numbers that no life before has given.
fn begin<E: Kept>() -> String {
    format!(
        "UPDATE {} SET generation = gen_random_uuid()::text, number = greatest(number + 1, $1) RETURNING number",
        E::COUNTER
    )
}
