//! Reading everything: at the start, and when a follower is too far behind to catch up.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Executor, PgConnection, Row};

use super::link::{Trouble, within};
use super::rows;
use crate::{Catalogue, ChangeLog, HistoryLimits, Kept};

/// How many entries or changes are asked for at once: each portion must come within the limit. Where that is
/// too slow, fewer are asked for.
pub(super) const PORTION: i64 = 1000;

/// Everything of one moment.
pub(super) struct Whole<E: Kept> {
    pub(super) catalogue: Catalogue<E>,
    /// Which life of the database it is of.
    pub(super) generation: String,
}

/// The whole catalogue and the latest changes, of one moment.
pub(super) async fn everything<E: Kept>(
    connection: &mut PgConnection,
    limits: HistoryLimits,
    patience: Duration,
    portion: i64,
) -> Result<Whole<E>, Trouble> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    within(patience, connection.execute(begin)).await?;
    let counted = format!("SELECT number, generation FROM {}", E::COUNTER);
    let row = within(patience, connection.fetch_one(&*counted)).await?;
    let (last, generation) = (number_of(row.try_get("number")?)?, row.try_get("generation")?);
    let first = last.saturating_sub(limits.total as u64);
    let mut catalogue = Catalogue::with(ChangeLog::after(first, limits));
    entries(connection, &mut catalogue, patience, portion).await?;
    changes(connection, &mut catalogue, first, patience, portion).await?;
    within(patience, connection.execute("COMMIT")).await?;
    let found = catalogue.changes().last();
    if found != last {
        // Whoever pruned by hand: the numbers go on all the same.
        catalogue.changes_mut().skip_to(last);
    }
    Ok(Whole { catalogue, generation })
}

async fn entries<E: Kept>(
    connection: &mut PgConnection,
    catalogue: &mut Catalogue<E>,
    patience: Duration,
    portion: i64,
) -> Result<(), Trouble> {
    let text = format!("SELECT path, etag, card FROM {} WHERE path > $1 ORDER BY path LIMIT $2", E::PLURAL);
    let mut after = String::new();
    loop {
        let asked = sqlx::query(&text).bind(&after).bind(portion);
        let rows = within(patience, connection.fetch_all(asked)).await?;
        for row in &rows {
            let (path, etag, card): (&str, &str, &str) =
                (row.try_get("path")?, row.try_get("etag")?, row.try_get("card")?);
            rows::entry::<E>(path, etag, card).into_iter().for_each(|entry| catalogue.put(entry));
        }
        match rows.last() {
            Some(row) => after = row.try_get("path")?,
            None => return Ok(()),
        }
    }
}

async fn changes<E: Kept>(
    connection: &mut PgConnection,
    catalogue: &mut Catalogue<E>,
    mut after: u64,
    patience: Duration,
    portion: i64,
) -> Result<(), Trouble> {
    let text =
        format!("SELECT number, record FROM {} WHERE number > $1 ORDER BY number LIMIT $2", E::CHANGES);
    loop {
        let asked = sqlx::query(&text).bind(after as i64).bind(portion);
        let rows = within(patience, connection.fetch_all(asked)).await?;
        for row in &rows {
            let number = number_of(row.try_get("number")?)?;
            // Those before it were pruned: who knows fewer than these cannot follow on.
            if number > after + 1 {
                catalogue.changes_mut().skip_to(number - 1);
            }
            after = number;
            match rows::readable::<E>(number, row.try_get("record")?) {
                Some(change) => catalogue.changes_mut().push(Arc::new(change)),
                None => catalogue.changes_mut().skip_to(number),
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

/// A number out of its column; the column is signed, since SQL knows no other.
pub(super) fn number_of(column: i64) -> Result<u64, Trouble> {
    u64::try_from(column).map_err(|_| Trouble::Refused(format!("counter: {column} is no number of a change")))
}
