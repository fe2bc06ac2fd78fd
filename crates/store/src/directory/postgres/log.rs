//! The log as a table. Whatever leaves a connection in doubt ends it: the next use makes another.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::PgConnection;

use super::load::{self, Found, PORTION, SNAPSHOT, Whole};
use super::statement::{self, End};
use crate::StoreError;
use crate::directory::log::{Appended, Event, Log, News, Trouble};
use crate::directory::{Directory, whole};
use crate::postgres::link::{self, connect_to_write, within};
use crate::postgres::{DatabaseUrl, schema};

/// How many events there are at least before they are folded.
const FOLD_AFTER: u64 = 10_000;
/// How many events stay although the snapshot holds them: for those who follow, and for whoever looks for the
/// batch whose answer he lost.
const STAY: u64 = 2_000;
/// How long to wait before a statement that gave way to another is repeated.
const PAUSE: Duration = Duration::from_millis(10);

/// Events in a database that other servers use as well.
pub(super) struct PostgresLog {
    url: DatabaseUrl,
    interval: Duration,
    patience: Duration,
    /// Taken out while it is used: a future that is dropped in the middle of an answer drops it, too.
    connection: Option<PgConnection>,
    /// Whether the connection is in a transaction for which all other writers wait.
    holds_turn: bool,
    /// What no other writer's batches are named by.
    name: String,
    batches: u64,
    /// The last event of the picture.
    end: End,
    /// The number of the last event in the snapshot, as far as is known.
    folded: u64,
    /// How many events are asked for at once.
    portion: i64,
}

impl PostgresLog {
    /// Reads everything.
    pub(super) async fn open(
        url: DatabaseUrl,
        interval: Duration,
        patience: Duration,
    ) -> Result<(PostgresLog, Directory), StoreError> {
        let place = url.place();
        let unavailable = |trouble: link::Trouble| StoreError::Unavailable {
            place: place.clone(),
            reason: trouble.reason(),
        };
        let mut portion = PORTION;
        loop {
            let mut connection = reach(&url, patience).await.map_err(unavailable)?;
            schema::check(&mut connection, &place).await?;
            let name = within(patience, statement::own_name(&mut connection)).await.map_err(unavailable)?;
            match load::everything(&mut connection, patience, &mut portion).await {
                Ok(Whole { directory, end, folded }) => {
                    let connection = Some(connection);
                    let log = PostgresLog {
                        url,
                        interval,
                        patience,
                        connection,
                        holds_turn: false,
                        name,
                        batches: 0,
                        end,
                        folded,
                        portion,
                    };
                    return Ok((log, directory));
                }
                // The way is slow: in smaller portions, then.
                Err(link::Trouble::Late(_)) if portion > 1 => portion = (portion / 10).max(1),
                Err(trouble) => return Err(unavailable(trouble)),
            }
        }
    }

    async fn connection(&mut self) -> Result<PgConnection, link::Trouble> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => {
                self.holds_turn = false;
                reach(&self.url, self.patience).await
            }
        }
    }

    /// Whether a batch is there whose answer was lost; not, where nobody can say.
    async fn is_there(&mut self, after: u64, batch: &str) -> bool {
        let (url, patience) = (&self.url, self.patience);
        let looked = within(patience, async {
            let mut connection = reach(url, patience).await?;
            let is_there = statement::is_there(&mut connection, after, batch).await?;
            Ok::<_, link::Trouble>((connection, is_there))
        });
        match looked.await {
            Ok((connection, is_there)) => {
                self.connection = Some(connection);
                is_there
            }
            Err(_) => false,
        }
    }

    async fn read(&mut self, connection: &mut PgConnection) -> Result<News, link::Trouble> {
        if let Found::Events(events, end) =
            load::news(connection, &self.end, self.patience, &mut self.portion).await?
        {
            self.end = end;
            return Ok(News::Events(events));
        }
        if std::mem::take(&mut self.holds_turn) {
            // Everything is read in a transaction of its own.
            within(self.patience, statement::let_go(connection)).await?;
        }
        let Whole { directory, end, folded } =
            load::everything(connection, self.patience, &mut self.portion).await?;
        let place = self.url.place();
        if end.number < self.end.number {
            tracing::warn!(
                place,
                last = end.number,
                "the directory is not what it was: changes that were shown are lost, or a copy was put back"
            );
        } else {
            tracing::info!(place, last = end.number, "what was known is not there any more: all was read");
        }
        (self.end, self.folded) = (end, folded);
        Ok(News::Whole(Box::new(directory)))
    }

    async fn put_snapshot(
        &mut self,
        connection: &mut PgConnection,
        picture: &Directory,
    ) -> Result<(), link::Trouble> {
        let number = picture.number();
        self.folded = within(self.patience, statement::folded(connection)).await?;
        // Another server may have come first.
        if self.is_long(number) {
            let picture = picture.clone();
            let text = load::aside(move || whole::write(&picture).map_err(|fault| fault.to_string())).await?;
            let text = String::from_utf8(text).map_err(|fault| link::Trouble::Refused(fault.to_string()))?;
            let limit = self.patience * SNAPSHOT;
            let fold = statement::fold(connection, &self.end, &text, number.saturating_sub(STAY), limit);
            within(limit, fold).await?;
            self.folded = number;
        }
        Ok(())
    }
}

#[async_trait]
impl Log for PostgresLog {
    fn interval(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn bytes(&self) -> u64 {
        0
    }

    async fn append(&mut self, after: u64, events: &[Event<'_>]) -> Appended {
        if after != self.end.number {
            return Appended::Behind;
        }
        self.batches += 1;
        let batch = format!("{}-{}", self.name, self.batches);
        let began = Instant::now();
        loop {
            let mut connection = match self.connection().await {
                Ok(connection) => connection,
                Err(trouble) => return Appended::Failed(trouble.into()),
            };
            let ends_turn = std::mem::take(&mut self.holds_turn);
            let append = statement::append(&mut connection, &self.end, &batch, events, ends_turn);
            let is_kept = match within(self.patience, append).await {
                Ok(is_kept) => {
                    self.connection = Some(connection);
                    is_kept
                }
                Err(link::Trouble::Conflict) if began.elapsed() < self.patience => {
                    // A transaction of several statements is no use any more.
                    self.connection = Some(connection).filter(|_| !ends_turn);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                // It may have been done all the same.
                Err(trouble) if trouble.is_lost() && !self.is_there(after, &batch).await => {
                    return Appended::Failed(trouble.into());
                }
                Err(trouble) if trouble.is_lost() => true,
                Err(trouble) => return Appended::Failed(trouble.into()),
            };
            if !is_kept {
                return Appended::Behind;
            }
            self.end = End { number: after + events.len() as u64, batch };
            return Appended::Kept;
        }
    }

    async fn take_turn(&mut self) -> Result<(), Trouble> {
        let mut connection = self.connection().await?;
        if !self.holds_turn {
            // Shorter than the time others wait for: if the network takes us away now, they still write.
            let idle = self.patience / 2;
            within(self.patience, statement::take_turn(&mut connection, idle)).await?;
        }
        (self.connection, self.holds_turn) = (Some(connection), true);
        Ok(())
    }

    async fn let_go(&mut self) {
        if std::mem::take(&mut self.holds_turn)
            && let Some(mut connection) = self.connection.take()
            && within(self.patience, statement::let_go(&mut connection)).await.is_ok()
        {
            self.connection = Some(connection);
        }
    }

    async fn catch_up(&mut self, after: u64) -> Result<News, Trouble> {
        if after != self.end.number {
            // What was read then could not be followed: everything must be.
            self.end = End { number: after, batch: String::new() };
        }
        let mut connection = self.connection().await?;
        match self.read(&mut connection).await {
            Ok(news) => {
                self.connection = Some(connection);
                Ok(news)
            }
            Err(trouble) => {
                if matches!(trouble, link::Trouble::Late(_)) {
                    self.portion = (self.portion / 4).max(1);
                }
                Err(trouble.into())
            }
        }
    }

    fn is_long(&self, number: u64) -> bool {
        number >= self.folded + FOLD_AFTER
    }

    async fn fold(&mut self, picture: &Directory) -> Result<(), String> {
        let mut connection = self.connection().await.map_err(|trouble| trouble.reason())?;
        self.put_snapshot(&mut connection, picture).await.map_err(|trouble| trouble.reason())?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn end(mut self, _picture: Option<&Directory>) {
        if let Some(connection) = self.connection.take() {
            link::close(connection).await;
        }
    }
}

/// A new connection, all of it within the limit.
async fn reach(url: &DatabaseUrl, patience: Duration) -> Result<PgConnection, link::Trouble> {
    within(patience, connect_to_write(url, patience)).await
}

impl From<link::Trouble> for Trouble {
    fn from(trouble: link::Trouble) -> Trouble {
        Trouble { is_away: trouble.is_lost(), reason: trouble.reason() }
    }
}
