//! Following what other replicas write: told by the database, and asking for the number in any case.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Acquire, PgConnection};

use super::link::{Trouble, connect, read_committed, within};
use super::load;
use super::{Follow, Shared};
use crate::Kept;

/// How long to wait before trying again, at first and at most.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// A connection, on which the database may tell of changes.
enum Ear {
    Listening(PgListener),
    Polling(PgConnection),
}

/// Keeps the picture equal to the database.
pub(super) struct Follower<E: Kept> {
    pub(super) shared: Arc<Shared<E>>,
    /// Which life of the database is shown.
    pub(super) generation: String,
    /// What is shown up to this change was read in the database, and not only written there.
    pub(super) sure: u64,
    /// How many rows are asked for at once.
    pub(super) portion: i64,
}

impl<E: Kept> Follower<E> {
    /// Follows until the task is dropped.
    pub(super) async fn run(mut self) {
        let mut wait = WAITS.0;
        loop {
            let started = Instant::now();
            let Err(trouble) = self.follow().await;
            // It worked for a while: this is a new trouble.
            if self.shared.picture.lag() < started.elapsed() {
                wait = WAITS.0;
            }
            if matches!(trouble, Trouble::Late(_)) {
                // A slow way is no broken one: a portion must fit into the time.
                self.portion = (self.portion / 4).max(1);
            }
            if self.shared.picture.fault().is_none() {
                let (place, reason) = (&self.shared.place, trouble.reason());
                if trouble.is_lost() {
                    tracing::warn!(place, reason, "not reached; reads go on, writes are refused");
                } else {
                    tracing::error!(place, reason, "not understood; reads go on, writes are refused");
                }
            }
            self.shared.missed(&trouble.reason());
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAITS.1);
        }
    }

    async fn follow(&mut self) -> Result<std::convert::Infallible, Trouble> {
        let shared = self.shared.clone();
        let mut ear = Ear::open(&shared).await?;
        read_committed(ear.connection().await?, shared.patience).await?;
        loop {
            self.catch_up(ear.connection().await?).await?;
            self.portion = (self.portion * 2).min(load::PORTION);
            ear.until_something_happens(&shared).await?;
        }
    }
}

impl Ear {
    async fn open<E: Kept>(shared: &Shared<E>) -> Result<Ear, Trouble> {
        if shared.follow == Follow::Poll {
            return connect(&shared.url, shared.patience).await.map(Ear::Polling);
        }
        // The driver listens on connections of a pool only.
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(shared.patience);
        let pool = pool.idle_timeout(None).max_lifetime(None).connect_lazy_with(shared.url.options());
        within(shared.patience, async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.eager_reconnect(false);
            listener.listen(E::CHANNEL).await?;
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
    async fn until_something_happens<E: Kept>(&mut self, shared: &Shared<E>) -> Result<(), Trouble> {
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
async fn heard<E: Kept>(listener: &mut PgListener, shared: &Shared<E>) -> Result<(), Trouble> {
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
