//! Where events are kept: a file's journal, or a database's table.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Directory, Wish};
use crate::file::line;
use crate::file::record::Numbered;

/// One change that was decided, as it stands in a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event<'a> {
    /// The number of the first event that was kept together with this one; first in its JSON, so that the
    /// begin of an event can be found in a damaged file.
    pub(super) batch: u64,
    /// Each has the next one.
    pub(super) number: u64,
    /// When it was decided, in seconds since the epoch.
    pub(super) at: u64,
    /// Whom the permit was given to.
    pub(super) by: Cow<'a, str>,
    pub(super) wish: Cow<'a, Wish>,
}

/// A log of events. One keeper writes in it; those of other processes may write in the same one.
#[async_trait]
pub(super) trait Log: Send + 'static {
    /// How often to ask for what others have written; `None` where nobody else can write.
    fn interval(&self) -> Option<Duration>;

    /// Bytes of events that are in no snapshot; 0 where they are not counted.
    fn bytes(&self) -> u64;

    /// Keeps events, all or none of them, that were decided on the picture that ends with the event `after`.
    async fn append(&mut self, after: u64, events: &[Event<'_>]) -> Appended;

    /// Lets others wait until the next [`Log::append`] or [`Log::let_go`]: for one whom they came before again
    /// and again. Where nobody else can write it is always our turn.
    async fn take_turn(&mut self) -> Result<(), Trouble> {
        Ok(())
    }

    /// Ends a turn in which nothing is appended.
    async fn let_go(&mut self) {}

    /// What others have written since the picture that ends with the event `after`. Its future may be dropped.
    async fn catch_up(&mut self, after: u64) -> Result<News, Trouble>;

    /// Whether it is so long that it should be folded; `number` is that of its last event.
    fn is_long(&self, number: u64) -> bool;

    /// Puts a snapshot in the place of old events. The picture is the one that its events lead to.
    async fn fold(&mut self, picture: &Directory) -> Result<(), String>;

    /// Ends, with the last picture if all shall be in its resting form.
    async fn end(self, picture: Option<&Directory>);
}

/// What became of events.
#[derive(Debug)]
pub(super) enum Appended {
    /// They are durable.
    Kept,
    /// Others have written since `after`: nothing was kept, and all must be decided anew.
    Behind,
    /// They are not there, or nobody can say.
    Failed(Trouble),
}

/// What others have written.
#[derive(Debug)]
pub(super) enum News {
    /// These, in their order, perhaps none.
    Events(Vec<Event<'static>>),
    /// So much, or something so different, that this is the picture now.
    Whole(Box<Directory>),
}

/// Why a log did not do it.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// For people.
    pub(super) reason: String,
    /// Whether it was not reached, so that whoever comes next need not wait as well.
    pub(super) is_away: bool,
}

impl Trouble {
    /// It was reached, and refused.
    pub(super) fn refused(reason: impl ToString) -> Trouble {
        Trouble { reason: reason.to_string(), is_away: false }
    }
}

impl Numbered for Event<'static> {
    fn read(text: &[u8]) -> Result<Event<'static>, String> {
        serde_json::from_slice(line::read(text)?).map_err(|fault| fault.to_string())
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn batch(&self) -> u64 {
        self.batch
    }
}
