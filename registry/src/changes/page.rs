//! The changes since a number, as a page.

use std::sync::Arc;

use store::Change;

use super::sight::{Eyes, Sight};
use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// So many changes are looked at for one page, or at one go of a stream: they may all be invisible.
pub(super) const SCAN: usize = 1000;

/// One page.
pub(super) struct Page {
    pub(super) changes: Vec<(Arc<Change>, Sight)>,
    /// Up to here everything was looked at: the number to go on from.
    pub(super) last: u64,
    /// Whether there is more already.
    pub(super) more: bool,
}

/// The changes after the one with the number `since`. Without a number, none: the page says where now is.
pub(super) async fn page(
    app: &App,
    caller: &Caller,
    since: Option<u64>,
    limit: usize,
) -> Result<Page, ApiError> {
    let Some(since) = since else {
        return Ok(Page { changes: Vec::new(), last: app.picture()?.changes().last(), more: false });
    };
    let picture = app.picture_from(since).await?;
    let log = picture.changes();
    let changes = log.since(since).ok_or(ApiError::Forgotten(log.last()))?;
    let eyes = Eyes::of(caller);
    let mut page = Page { changes: Vec::new(), last: since, more: false };
    for (looked, change) in changes.enumerate() {
        if page.changes.len() == limit || looked == SCAN {
            page.more = true;
            break;
        }
        page.last = change.number;
        page.changes.extend(eyes.look(&picture, change).map(|sight| (change.clone(), sight)));
    }
    Ok(page)
}
