//! Reading: everything at the start, and what is new since.

use std::time::Duration;

use sqlx::{Executor, PgConnection};

use super::statement::{self, End, Entry, Since};
use crate::directory::log::Event;
use crate::directory::{Directory, whole};
use crate::postgres::link::{Trouble, within};

/// How many events are asked for at once: each portion must come within the limit. Where that is too slow,
/// fewer are asked for.
pub(super) const PORTION: i64 = 1000;
/// How many times the usual limit a snapshot may take: it comes in one piece.
pub(super) const SNAPSHOT: u32 = 6;

/// Everything of one moment.
pub(super) struct Whole {
    pub(super) directory: Directory,
    pub(super) end: End,
    /// The number of the last event in the snapshot.
    pub(super) folded: u64,
}

/// What is new.
pub(super) enum Found {
    /// These events.
    Events(Vec<Event<'static>>, End),
    /// What is known is not there: forgotten, or lost.
    Unknown,
}

/// The whole directory. Where it fails, the connection is in the middle of a transaction.
pub(super) async fn everything(
    connection: &mut PgConnection,
    patience: Duration,
    portion: &mut i64,
) -> Result<Whole, Trouble> {
    // A patience that ends the statement in the server as well would cut the snapshot off.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0";
    within(patience, connection.execute(begin)).await?;
    let (folded, text) = within(patience * SNAPSHOT, statement::snapshot(connection)).await?;
    let unread = |fault: String| Trouble::Refused(format!("directory_snapshot: {fault}"));
    let mut directory = match text.is_empty() {
        true => Directory::default(),
        false => {
            let read =
                move || whole::read(text.as_bytes()).map_err(|fault| format!("directory_snapshot: {fault}"));
            aside(read).await?
        }
    };
    if directory.number() != folded {
        return Err(unread(format!("it is of event {}, not {folded}", directory.number())));
    }
    let mut end = End { number: folded, batch: String::new() };
    loop {
        let next = End { number: end.number + 1, ..End::default() };
        let asked = statement::since(connection, &next, *portion);
        let Since { end: last, entries } = within(patience, asked).await?;
        *portion = (*portion * 2).min(PORTION);
        for entry in &entries {
            let event = event(entry)?;
            directory
                .follow(&event)
                .map_err(|fault| Trouble::Refused(format!("directory_events: {fault}")))?;
            end = entry.end.clone();
        }
        if end.number > last.number {
            return Err(unread(format!("it is of event {folded}, but the last one is {}", last.number)));
        }
        if end.number == last.number {
            // Also where the snapshot holds the last event.
            end.batch = last.batch;
            break;
        }
        if entries.is_empty() {
            return Err(Trouble::Refused(format!("directory_events: {} is missing", end.number + 1)));
        }
    }
    within(patience, connection.execute("COMMIT")).await?;
    Ok(Whole { directory, end, folded })
}

/// Work on a whole picture takes a while: not where requests are answered.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|ended| Err(ended.to_string())).map_err(Trouble::Refused)
}

/// What came after an event that is known.
pub(super) async fn news(
    connection: &mut PgConnection,
    known: &End,
    patience: Duration,
    portion: &mut i64,
) -> Result<Found, Trouble> {
    let (mut read, mut events) = (known.clone(), Vec::new());
    let mut goal = None;
    loop {
        // The one that is known comes first, as a proof that it is there.
        let Since { end: last, entries } =
            within(patience, statement::since(connection, &read, *portion + 1)).await?;
        *portion = (*portion * 2).min(PORTION);
        // Nobody runs after those who write on meanwhile: he might never catch them.
        let goal = *goal.get_or_insert(last.number);
        if last == read {
            return Ok(Found::Events(events, read));
        }
        let new = match entries.split_first() {
            _ if last.number <= read.number => return Ok(Found::Unknown),
            Some((first, new)) if first.end == read => new,
            Some(_) if read.number == 0 => &entries[..],
            Some(_) | None => return Ok(Found::Unknown),
        };
        for entry in new {
            if entry.end.number != read.number + 1 {
                return Ok(Found::Unknown);
            }
            events.push(event(entry)?);
            read = entry.end.clone();
        }
        if new.is_empty() {
            return Ok(Found::Unknown);
        }
        if read.number >= goal {
            return Ok(Found::Events(events, read));
        }
    }
}

fn event(Entry { end, event }: &Entry) -> Result<Event<'static>, Trouble> {
    let unread = |fault: String| {
        let number = end.number;
        Trouble::Refused(format!(
            "directory_events, number {number}: {fault}: a newer auth-server may have written it"
        ))
    };
    let event: Event<'static> = serde_json::from_str(event).map_err(|fault| unread(fault.to_string()))?;
    match event.number == end.number {
        true => Ok(event),
        false => Err(unread(format!("it says {}", event.number))),
    }
}
