//! One look at the changes: what is new, and whether what is shown is still what the database says.
//!
//! A database can lose changes that were acknowledged: a standby that had not received them takes over, an
//! older copy is put back. Their numbers are then given again. So every look compares what this replica has
//! shown since the last one, its own writes included, with what stands in the database.

use std::collections::BTreeMap;
use std::time::Instant;

use sqlx::{Executor, PgConnection, Row};

use super::follow::Follower;
use super::link::{Trouble, within};
use super::load::{self, number_of};
use super::picture::Step;
use super::rows;
use crate::{Catalogue, Change, Kept};

/// Who is further behind reads everything: that costs less than as many changes.
const MOST: u64 = 5000;

/// The changes from one on, with the cards that are still there; cards only of those after another one. A
/// single statement sees one moment, whatever the isolation.
fn since<E: Kept>() -> String {
    format!(
        "SELECT counter.number AS last, counter.generation, \
           change.number, change.path, change.etag, change.record, entry.card \
         FROM {} AS counter \
         LEFT JOIN {} AS change ON change.number >= $1 \
         LEFT JOIN {} AS entry \
           ON change.number > $2 AND entry.path = change.path AND entry.etag = change.etag \
         ORDER BY change.number LIMIT $3",
        E::COUNTER,
        E::CHANGES,
        E::PLURAL
    )
}

/// What a look finds.
enum Found {
    /// The picture shows everything now.
    Shown,
    /// Too much is new, or some of it is forgotten.
    Far,
    /// A change that is shown is not there: forgotten, or lost.
    Missing(u64),
    /// What is shown never happened there, as far as it is concerned.
    Another,
}

/// What was read, in portions.
struct Reading<E> {
    /// What the database says about changes that are shown already.
    shown: BTreeMap<u64, Option<Change>>,
    steps: Vec<Step<E>>,
}

impl<E: Kept> Follower<E> {
    /// Shows everything that is in the database by now.
    pub(super) async fn catch_up(&mut self, connection: &mut PgConnection) -> Result<(), Trouble> {
        loop {
            let asked = Instant::now();
            let found = self.look(connection).await?;
            let is_done = match found {
                Found::Shown => true,
                Found::Far | Found::Missing(_) | Found::Another => {
                    let is_shown = self.read_everything(connection, &found).await?;
                    // After a loss, what was written while everything was read is looked for once more.
                    is_shown && matches!(found, Found::Far)
                }
            };
            if is_done {
                self.shared.reached(asked);
                return Ok(());
            }
        }
    }

    async fn look(&mut self, connection: &mut PgConnection) -> Result<Found, Trouble> {
        let picture = self.shared.picture.current();
        let before = picture.changes().last();
        let (mut read, mut reading) = (self.sure, Reading::default());
        let text = since::<E>();
        loop {
            let since = sqlx::query(&text).bind(read as i64).bind(before as i64).bind(self.portion + 1);
            let rows = within(self.shared.patience, connection.fetch_all(since)).await?;
            let Some(first) = rows.first() else {
                return Err(Trouble::Refused("counter: the row is missing".to_owned()));
            };
            let last = number_of(first.try_get("last")?)?;
            if last < before || first.try_get::<&str, _>("generation")? != self.generation {
                return Ok(Found::Another);
            }
            if last - before > MOST {
                return Ok(Found::Far);
            }
            let end = reading.take(&rows, read, before)?;
            // A card that is not there was replaced by a change up to `last`, which must be read as well.
            let is_all = end <= read || end >= last;
            read = read.max(end);
            if is_all {
                return Ok(self.compare(&picture, last, reading));
            }
        }
    }

    /// Shows what was read, if it goes on where the picture ends and contradicts nothing in it.
    fn compare(&mut self, picture: &Catalogue<E>, end: u64, Reading { shown, steps }: Reading<E>) -> Found {
        let before = picture.changes().last();
        for held in picture.changes().between(self.sure, before) {
            match shown.get(&held.number) {
                None => return Found::Missing(held.number),
                Some(said) if !said.as_ref().is_some_and(|said| rows::is_same(said, held)) => {
                    return Found::Another;
                }
                Some(_) => {}
            }
        }
        if !steps.iter().map(|step| step.number).eq(before + 1..=end) {
            return Found::Far;
        }
        if self.shared.picture.take(steps).differs {
            return Found::Another;
        }
        self.sure = end;
        Found::Shown
    }

    /// Reads everything and says whether that is shown now: it is not when the picture has gone on meanwhile.
    async fn read_everything(
        &mut self,
        connection: &mut PgConnection,
        found: &Found,
    ) -> Result<bool, Trouble> {
        let shared = &self.shared;
        let whole = load::everything(connection, shared.limits, shared.patience, self.portion).await?;
        let load::Whole { mut catalogue, generation } = whole;
        let oldest = catalogue.changes().iter().next().map(|change| change.number);
        let is_another = match found {
            Found::Another => true,
            // Forgotten are the oldest only: where older ones are there, it was lost.
            Found::Missing(number) => oldest.is_some_and(|oldest| oldest < *number),
            Found::Far | Found::Shown => false,
        } || generation != self.generation;
        let (place, last) = (&shared.place, catalogue.changes().last());
        if is_another {
            tracing::warn!(
                place,
                last,
                "it is not what it was: changes that were shown are lost, or a copy was put back. All is \
                 read anew, and whoever follows this registry begins anew; for those of the others: \
                 registry store restored"
            );
            catalogue.changes_mut().begin_anew();
        } else {
            tracing::info!(place, last, "too far behind to follow: all was read");
        }
        if !shared.picture.replace(catalogue, is_another) {
            return Ok(false);
        }
        (self.sure, self.generation) = (last, generation);
        Ok(true)
    }
}

impl<E> Default for Reading<E> {
    fn default() -> Reading<E> {
        Reading { shown: BTreeMap::new(), steps: Vec::new() }
    }
}

impl<E: Kept> Reading<E> {
    /// Takes up a portion, and says how far it goes.
    fn take(&mut self, rows: &[sqlx::postgres::PgRow], read: u64, before: u64) -> Result<u64, Trouble> {
        let mut end = 0;
        for row in rows {
            let Some(column) = row.try_get::<Option<i64>, _>("number")? else { continue };
            let number = number_of(column)?;
            if number <= before {
                self.shown.insert(number, rows::change::<E>(number, row.try_get("record")?).ok());
            } else if number > read {
                let (path, etag) = (row.try_get("path")?, row.try_get("etag")?);
                self.steps.push(rows::step(number, path, etag, row.try_get("record")?, row.try_get("card")?));
            }
            end = number;
        }
        Ok(end)
    }
}
