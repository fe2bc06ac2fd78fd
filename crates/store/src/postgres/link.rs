//! One connection whose every use ends in time: a network that swallows packets must not hold anybody up.

use std::future::Future;
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::{Connection, Executor};

use super::url::DatabaseUrl;

const KEEPALIVE: &str =
    "SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3";

/// Why the database did not do it.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It gave way to another writer: the same again may succeed.
    Conflict,
    /// It was reached and refused, in its words; nothing was done.
    Refused(String),
    /// It was reached and refused a value that was to be written (SQLSTATE classes 22 and 23).
    Unfit(String),
    /// It was reached, and takes no writes: a standby, or a primary that has become one.
    ReadOnly(String),
    /// No answer came within this time: nobody knows what it still did.
    Late(Duration),
    /// It was not reached, or the connection broke: nobody knows what it still did.
    Lost(String),
}

impl Trouble {
    /// For people.
    pub(crate) fn reason(&self) -> String {
        match self {
            Trouble::Conflict => "too many writers want the same".to_owned(),
            Trouble::Refused(reason)
            | Trouble::Unfit(reason)
            | Trouble::ReadOnly(reason)
            | Trouble::Lost(reason) => reason.clone(),
            Trouble::Late(limit) => format!("no answer within {} s", limit.as_secs_f32()),
        }
    }

    /// Whether the connection is of no use any more.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Trouble::Late(_) | Trouble::Lost(_))
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Trouble {
        match &error {
            // Serialization failure, deadlock: SQLSTATE class 40 is a rollback. 57P0x: it is being shut down.
            sqlx::Error::Database(said) => match said.code().as_deref() {
                Some(code) if code.starts_with("40") => Trouble::Conflict,
                Some(code) if code.starts_with("57P") => Trouble::Lost(said.message().to_owned()),
                Some("25006") => Trouble::ReadOnly(said.message().to_owned()),
                Some(code) if code.starts_with("22") || code.starts_with("23") => {
                    Trouble::Unfit(said.message().to_owned())
                }
                Some(_) | None => Trouble::Refused(said.message().to_owned()),
            },
            _ => Trouble::Lost(error.to_string()),
        }
    }
}

/// Whether the error says that a table is not there.
pub(crate) fn is_missing_table(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(said) if said.code().as_deref() == Some("42P01"))
}

/// The work, given up after `limit`; what it used must then be thrown away.
pub(crate) async fn within<T, E: Into<Trouble>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Trouble::Late(limit)),
    }
}

/// A new connection.
pub(crate) async fn connect(url: &DatabaseUrl, limit: Duration) -> Result<PgConnection, Trouble> {
    let mut connection = within(limit, PgConnection::connect_with(&url.options())).await?;
    read_committed(&mut connection, limit).await?;
    Ok(connection)
}

/// Every statement here is whole in itself: stricter ways, which a database can have as its default, would
/// only make them give way to each other. Where this is unknown, it is done without.
pub(crate) async fn read_committed(connection: &mut PgConnection, limit: Duration) -> Result<(), Trouble> {
    let set = connection.execute("SET default_transaction_isolation = 'read committed'");
    match within(limit, set).await {
        Err(trouble) if trouble.is_lost() => Err(trouble),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A new connection for writing: the server gives up as well, or a write that nobody waits for any more
/// would be done when its turn comes.
pub(crate) async fn connect_to_write(url: &DatabaseUrl, limit: Duration) -> Result<PgConnection, Trouble> {
    let mut connection = connect(url, limit).await?;
    let milliseconds = limit.as_millis().max(1);
    let set = format!("SET statement_timeout = {milliseconds}");
    within(limit, connection.execute(&*set)).await?;
    // A client that is cut off between the last two packets of a statement keeps the counter's row until the
    // server notices: in seconds, not hours. Where this is unknown, it is done without.
    let _ = within(limit, connection.execute(KEEPALIVE)).await;
    Ok(connection)
}

/// Says good-bye, if that is quick.
pub(crate) async fn close(connection: PgConnection) {
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.close()).await;
}
