//! Reading everything: at the start, and when a follower is too far behind to catch up.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Executor, PgConnection, Row};

use super::link::{Trouble, within};
use super::rows;
use crate::{Catalogue, ChangeLog, HistoryLimits};

/// How many agents are asked for at once: each portion must come within the limit.
const PORTION: i64 = 1000;

/// The whole catalogue and the latest changes, of one moment.
pub(super) async fn everything(
    connection: &mut PgConnection,
    limits: HistoryLimits,
    patience: Duration,
) -> Result<Catalogue, Trouble> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    within(patience, connection.execute(begin)).await?;
    let row = within(patience, connection.fetch_one("SELECT number FROM counter")).await?;
    let last = number_of(row.try_get("number")?)?;
    let first = last.saturating_sub(limits.total as u64);
    let mut catalogue = Catalogue::with(ChangeLog::after(first, limits));
    agents(connection, &mut catalogue, patience).await?;
    changes(connection, &mut catalogue, first, patience).await?;
    within(patience, connection.execute("COMMIT")).await?;
    let found = catalogue.changes().last();
    if found != last {
        // Whoever pruned by hand: the numbers go on all the same.
        catalogue.changes_mut().skip_to(last);
    }
    Ok(catalogue)
}

async fn agents(
    connection: &mut PgConnection,
    catalogue: &mut Catalogue,
    patience: Duration,
) -> Result<(), Trouble> {
    let mut after = String::new();
    loop {
        let portion =
            sqlx::query("SELECT path, etag, card FROM agents WHERE path > $1 ORDER BY path LIMIT $2")
                .bind(&after)
                .bind(PORTION);
        let rows = within(patience, connection.fetch_all(portion)).await?;
        for row in &rows {
            let (path, etag, card): (&str, &str, &str) =
                (row.try_get("path")?, row.try_get("etag")?, row.try_get("card")?);
            catalogue.put(rows::entry(path, etag, card).map_err(Trouble::Refused)?);
        }
        match rows.last() {
            Some(row) => after = row.try_get("path")?,
            None => return Ok(()),
        }
    }
}

async fn changes(
    connection: &mut PgConnection,
    catalogue: &mut Catalogue,
    mut after: u64,
    patience: Duration,
) -> Result<(), Trouble> {
    loop {
        let portion =
            sqlx::query("SELECT number, record FROM changes WHERE number > $1 ORDER BY number LIMIT $2")
                .bind(after as i64)
                .bind(PORTION);
        let rows = within(patience, connection.fetch_all(portion)).await?;
        for row in &rows {
            let change =
                rows::change(row.try_get("number")?, row.try_get("record")?).map_err(Trouble::Refused)?;
            // Those before it were pruned: who knows fewer than these cannot follow on.
            if change.number > after + 1 {
                catalogue.changes_mut().skip_to(change.number - 1);
            }
            after = change.number;
            catalogue.changes_mut().push(Arc::new(change));
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
