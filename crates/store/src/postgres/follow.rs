//! Following what other replicas write: told by the database, and asking for the number in any case.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Acquire, Executor, PgConnection, Row};

use super::link::{Trouble, connect, within};
use super::load::{self, number_of};
use super::{Follow, Shared, rows};

/// Where the database tells of changes.
pub(super) const CHANNEL: &str = "registry_changes";
/// Who is further behind reads everything: that costs less than as many changes.
const MOST: i64 = 5000;
/// How long to wait before trying again, at first and at most.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The changes after one, with the cards that are still there, of one moment: a single statement sees
/// one, whatever the isolation.
const SINCE: &str = "SELECT counter.number AS last, changes.number, changes.record, agents.card \
     FROM counter \
     LEFT JOIN changes ON changes.number > $1 \
     LEFT JOIN agents ON agents.path = changes.path AND agents.etag = changes.etag \
     ORDER BY changes.number LIMIT $2";

/// A connection, on which the database may tell of changes.
enum Ear {
    Listening(PgListener),
    Polling(PgConnection),
}

/// Follows until the task is dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut wait = WAITS.0;
    loop {
        let started = Instant::now();
        let Err(trouble) = follow(&shared).await;
        // It worked for a while: this is a new trouble.
        if shared.picture.lag() < started.elapsed() {
            wait = WAITS.0;
        }
        if shared.picture.fault().is_none() {
            let place = &shared.place;
            tracing::warn!(place, reason = trouble.reason(), "not reached; reads go on, writes are refused");
        }
        shared.missed(&trouble.reason());
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(WAITS.1);
    }
}

async fn follow(shared: &Shared) -> Result<std::convert::Infallible, Trouble> {
    let mut ear = Ear::open(shared).await?;
    loop {
        catch_up(shared, ear.connection().await?).await?;
        ear.until_something_happens(shared).await?;
    }
}

impl Ear {
    async fn open(shared: &Shared) -> Result<Ear, Trouble> {
        if shared.follow == Follow::Poll {
            return connect(&shared.url, shared.patience).await.map(Ear::Polling);
        }
        // The driver listens on connections of a pool only.
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(shared.patience);
        let pool = pool.idle_timeout(None).max_lifetime(None).connect_lazy_with(shared.url.options());
        within(shared.patience, async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(Ear::Listening(listener))
        })
        .await
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, Trouble> {
        match self {
            Ear::Listening(listener) => Ok(listener.acquire().await?),
            Ear::Polling(connection) => Ok(connection),
        }
    }

    /// Until there may be something to read: a notification, somebody here who must know, or the time.
    async fn until_something_happens(&mut self, shared: &Shared) -> Result<(), Trouble> {
        let told = async {
            match self {
                Ear::Polling(_) => std::future::pending().await,
                Ear::Listening(listener) => heard(listener, shared).await,
            }
        };
        tokio::select! {
            told = told => told,
            () = shared.wake.notified() => Ok(()),
            () = tokio::time::sleep(shared.interval) => Ok(()),
        }
    }
}

/// Until the database tells of a change that is not shown yet.
async fn heard(listener: &mut PgListener, shared: &Shared) -> Result<(), Trouble> {
    loop {
        let Some(told) = listener.try_recv().await? else {
            return Err(Trouble::Lost("the connection was closed".to_owned()));
        };
        // Its own writes this replica shows before it hears of them.
        if told.payload().parse().is_ok_and(|number: u64| number <= shared.picture.last()) {
            continue;
        }
        while listener.next_buffered().is_some() {}
        return Ok(());
    }
}

/// Shows everything that is in the database by now.
async fn catch_up(shared: &Shared, connection: &mut PgConnection) -> Result<(), Trouble> {
    let (asked, before) = (Instant::now(), shared.picture.last());
    let since = sqlx::query(SINCE).bind(before as i64).bind(MOST);
    let rows = within(shared.patience, connection.fetch_all(since)).await?;
    let last = match rows.first() {
        Some(row) => number_of(row.try_get("last")?)?,
        None => return Err(Trouble::Refused("counter: the row is missing".to_owned())),
    };
    let mut steps = Vec::new();
    for row in &rows {
        if let Some(number) = row.try_get::<Option<i64>, _>("number")? {
            let step = rows::step(number, row.try_get("record")?, row.try_get("card")?);
            steps.push(step.map_err(Trouble::Refused)?);
        }
    }
    let first = steps.first().map_or(last, |step| step.change.number - 1);
    let end = steps.last().map_or(last, |step| step.change.number);
    // Behind a database that forgets, or ahead of one that was put back: only everything is right.
    if last < before || (last > before && (first != before || end != last)) {
        tracing::info!(from = before, to = last, "too far from the database to follow: reading everything");
        let catalogue = load::everything(connection, shared.limits, shared.patience).await?;
        shared.picture.replace(catalogue);
    } else {
        shared.picture.take(steps);
    }
    shared.reached(asked);
    Ok(())
}
