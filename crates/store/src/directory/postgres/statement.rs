//! The statements of the directory's log. Each is a transaction by itself, so that no lock outlives a client
//! that the network has cut off; only who was overtaken again and again takes his turn before he reads.

use std::time::Duration;

use sqlx::{Executor, PgConnection, Row};

use crate::directory::log::Event;
use crate::postgres::link::Trouble;

/// A whole batch or nothing of it: the row of the counter is changed only by whoever has seen the event it
/// stands for, and locked until the events are visible.
const APPEND: &str = "WITH turn AS (\
       UPDATE directory_counter SET number = $1, batch = $2 WHERE number = $3 AND batch = $4 RETURNING number\
     ), kept AS (\
       INSERT INTO directory_events (number, batch, event) \
       SELECT new.number, $2, new.event FROM unnest($5::bigint[], $6::text[]) AS new (number, event) \
       CROSS JOIN turn RETURNING number\
     ) SELECT count(*) AS kept FROM kept";

/// The latest event, and those from one on where the latest is another one. A single statement sees one
/// moment, whatever the isolation.
const SINCE: &str = "SELECT counter.number AS last, counter.batch AS last_batch, \
       events.number, events.batch, events.event \
     FROM directory_counter AS counter LEFT JOIN directory_events AS events \
       ON events.number >= $1 AND NOT (counter.number = $1 AND counter.batch = $2) \
     ORDER BY events.number LIMIT $3";

/// A snapshot in the place of an older one, by whoever comes first, and never of events that the database has
/// lost since; with it goes what nobody needs any more.
const FOLD: &str = "WITH won AS (\
       UPDATE directory_snapshot SET number = $1, picture = $2 WHERE number < $1 \
       AND EXISTS (SELECT 1 FROM directory_events WHERE number = $1 AND batch = $3) RETURNING number\
     ) DELETE FROM directory_events WHERE number <= $4 AND EXISTS (SELECT 1 FROM won)";

/// Where a log ends: the number and the batch of its last event, which together are given once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    pub(super) number: u64,
    pub(super) batch: String,
}

/// An event as it stands in the table.
pub(super) struct Entry {
    pub(super) end: End,
    pub(super) event: String,
}

/// What was found from an event on.
pub(super) struct Since {
    pub(super) end: End,
    /// None where the log ends with the event that was named.
    pub(super) entries: Vec<Entry>,
}

/// Waits until it is our turn, and lets all others wait until the transaction ends: by [`append`], by [`let_go`],
/// or by the server when it hears no more of us for the time `limit`.
pub(super) async fn take_turn(connection: &mut PgConnection, limit: Duration) -> Result<(), sqlx::Error> {
    let limit = limit.as_millis().max(1);
    let take = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = {limit}; \
         SELECT number FROM directory_counter FOR UPDATE"
    );
    connection.execute(&*take).await.map(drop)
}

/// Ends a turn in which nothing was written.
pub(super) async fn let_go(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.execute("ROLLBACK").await.map(drop)
}

/// Keeps events, and says whether it did. `ends_turn` says that it is in the transaction of a turn.
pub(super) async fn append(
    connection: &mut PgConnection,
    before: &End,
    batch: &str,
    events: &[Event<'_>],
    ends_turn: bool,
) -> Result<bool, Trouble> {
    let texts: Result<Vec<String>, _> = events.iter().map(serde_json::to_string).collect();
    let texts = texts.map_err(|fault| Trouble::Refused(fault.to_string()))?;
    let numbers: Vec<i64> = events.iter().map(|event| event.number as i64).collect();
    let statement = sqlx::query(APPEND)
        .bind(before.number as i64 + events.len() as i64)
        .bind(batch)
        .bind(before.number as i64)
        .bind(&before.batch)
        .bind(numbers)
        .bind(texts);
    let row = connection.fetch_one(statement).await?;
    if ends_turn {
        connection.execute("COMMIT").await?;
    }
    Ok(row.try_get::<i64, _>("kept")? > 0)
}

/// Whether a batch is there, after an event.
pub(super) async fn is_there(
    connection: &mut PgConnection,
    after: u64,
    batch: &str,
) -> Result<bool, sqlx::Error> {
    // Behind whoever has his turn: the lost one may still be at work in the server.
    connection.fetch_optional("SELECT number FROM directory_counter FOR UPDATE").await?;
    let asked = sqlx::query("SELECT number FROM directory_events WHERE number > $1 AND batch = $2 LIMIT 1");
    Ok(connection.fetch_optional(asked.bind(after as i64).bind(batch)).await?.is_some())
}

/// The events from one on, that one included, where it is not the last; so many at most.
pub(super) async fn since(
    connection: &mut PgConnection,
    known: &End,
    portion: i64,
) -> Result<Since, Trouble> {
    let asked = sqlx::query(SINCE).bind(known.number as i64).bind(&known.batch).bind(portion);
    let rows = connection.fetch_all(asked).await?;
    let first = rows.first().ok_or_else(|| missing("directory_counter"))?;
    let end = End { number: number(first.try_get("last")?)?, batch: first.try_get("last_batch")? };
    let mut entries = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(column) = row.try_get::<Option<i64>, _>("number")? {
            let end = End { number: number(column)?, batch: row.try_get("batch")? };
            entries.push(Entry { end, event: row.try_get("event")? });
        }
    }
    Ok(Since { end, entries })
}

/// The number of the last event in the snapshot.
pub(super) async fn folded(connection: &mut PgConnection) -> Result<u64, Trouble> {
    let row = connection.fetch_optional("SELECT number FROM directory_snapshot").await?;
    number(row.ok_or_else(|| missing("directory_snapshot"))?.try_get("number")?)
}

/// The snapshot: the number of its last event, and its text.
pub(super) async fn snapshot(connection: &mut PgConnection) -> Result<(u64, String), Trouble> {
    let row = connection.fetch_optional("SELECT number, picture FROM directory_snapshot").await?;
    let row = row.ok_or_else(|| missing("directory_snapshot"))?;
    Ok((number(row.try_get("number")?)?, row.try_get("picture")?))
}

/// Keeps a snapshot, and forgets the events up to `forget`. It comes in one piece: the server, too, gives it the
/// time `limit`.
pub(super) async fn fold(
    connection: &mut PgConnection,
    end: &End,
    picture: &str,
    forget: u64,
    limit: Duration,
) -> Result<(), sqlx::Error> {
    let limit = limit.as_millis().max(1);
    connection.execute(&*format!("BEGIN; SET LOCAL statement_timeout = {limit}")).await?;
    let fold = sqlx::query(FOLD).bind(end.number as i64).bind(picture).bind(&end.batch).bind(forget as i64);
    connection.execute(fold).await?;
    connection.execute("COMMIT").await.map(drop)
}

/// A name that no other writer has.
pub(super) async fn own_name(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    connection.fetch_one("SELECT gen_random_uuid()::text AS name").await?.try_get("name")
}

fn number(column: i64) -> Result<u64, Trouble> {
    u64::try_from(column).map_err(|_| Trouble::Refused("a number is negative".to_owned()))
}

fn missing(table: &str) -> Trouble {
    Trouble::Refused(format!("{table}: the row is missing"))
}
