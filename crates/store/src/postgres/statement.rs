//! The one statement of a write: rows, number and changes together, or none of it.
//!
//! It is a transaction by itself: no lock outlives a client that the network has cut off, and nobody waits
//! for the way between two statements. The row of `counter` is taken last and given back at the commit, so
//! that changes become visible in the order of their numbers.

use catalog::WriteKind;
use sqlx::{Executor, PgConnection, Row};

use super::Follow;
use crate::Kept;

/// What is written, column by column; all are of one length, and no path stands twice.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) paths: Vec<String>,
    /// The tags that must be there; empty for what is new.
    pub(super) expected: Vec<String>,
    /// The new tags and cards; none for what goes.
    pub(super) etags: Vec<Option<String>>,
    pub(super) cards: Vec<Option<String>>,
    pub(super) records: Vec<String>,
}

/// Writes what can be written, and says which paths that was and the number of each change. All of it is of one
/// kind of write: some engines let one statement change a table only once.
pub(super) async fn run<E: Kept>(
    connection: &mut PgConnection,
    kind: WriteKind,
    follow: Follow,
    columns: &Columns,
) -> Result<Vec<(String, u64)>, sqlx::Error> {
    let text = text::<E>(kind, follow);
    let statement = sqlx::query(&text)
        .bind(&columns.paths)
        .bind(&columns.expected)
        .bind(&columns.etags)
        .bind(&columns.cards)
        .bind(&columns.records);
    let rows = connection.fetch_all(statement).await?;
    let read = |row: &sqlx::postgres::PgRow| {
        let number = row.try_get::<i64, _>("number")?;
        Ok((row.try_get("path")?, u64::try_from(number).unwrap_or_default()))
    };
    rows.iter().map(read).collect()
}

fn text<E: Kept>(kind: WriteKind, follow: Follow) -> String {
    let (entries, changes, counter, channel) = (E::PLURAL, E::CHANGES, E::COUNTER, E::CHANNEL);
    let done = match kind {
        WriteKind::Insert => format!(
            "INSERT INTO {entries} (path, etag, card) SELECT path, etag, card FROM wish \
             ON CONFLICT (path) DO NOTHING RETURNING {entries}.path"
        ),
        WriteKind::Replace => format!(
            "UPDATE {entries} SET etag = wish.etag, card = wish.card FROM wish \
             WHERE {entries}.path = wish.path AND {entries}.etag = wish.expected RETURNING {entries}.path"
        ),
        WriteKind::Remove => format!(
            "DELETE FROM {entries} USING wish \
             WHERE {entries}.path = wish.path AND {entries}.etag = wish.expected RETURNING {entries}.path"
        ),
    };
    let (told, tell) = match follow {
        Follow::Poll => (String::new(), ""),
        Follow::Listen => (
            format!(", told AS (SELECT pg_notify('{channel}', max(number)::text) FROM kept)"),
            " CROSS JOIN told",
        ),
    };
    format!(
        "WITH wish AS (\
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) \
           AS wish (path, expected, etag, card, record)\
         ), done AS ({done}), turn AS (\
           UPDATE {counter} SET number = {counter}.number + many.count \
           FROM (SELECT count(*) AS count FROM done) AS many WHERE many.count > 0 \
           RETURNING {counter}.number - many.count AS before\
         ), kept AS (\
           INSERT INTO {changes} (number, path, etag, record) \
           SELECT turn.before + row_number() OVER (ORDER BY wish.path), wish.path, wish.etag, wish.record \
           FROM wish JOIN done ON done.path = wish.path CROSS JOIN turn \
           RETURNING number, path\
         ){told} SELECT kept.number, kept.path FROM kept{tell}"
    )
}

/// Forgets the changes up to this one.
pub(super) async fn prune<E: Kept>(connection: &mut PgConnection, number: u64) -> Result<(), sqlx::Error> {
    let text = format!("DELETE FROM {} WHERE number <= $1", E::CHANGES);
    let forget = sqlx::query(&text);
    connection.execute(forget.bind(i64::try_from(number).unwrap_or(i64::MAX))).await.map(drop)
}
