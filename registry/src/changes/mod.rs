//! What has changed: the endpoint to follow it by.

mod body;
mod event;
mod followers;
mod lives;
mod page;
mod reader;
mod sight;
mod stream;

use std::sync::Arc;

use poem::http::{HeaderMap, header};
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::{Json, Payload};

use self::body::{ChangePage, Changed, ChangesAnswer, Events};
pub use self::followers::{FollowLimits, Followers};
pub(crate) use self::lives::lives;
use self::stream::Following;
use crate::App;
use crate::agents::Tag;
use crate::body::Lines;
use crate::error::ApiError;
use crate::identity::Caller;

/// The operation on changes.
pub(crate) struct Changes(pub(crate) Arc<App>);

#[OpenApi]
impl Changes {
    /// Follow what changes
    ///
    /// The changes of the agents the caller may list, in their order. To keep a copy: ask without `since` for
    /// the number of now (`last`), read the list, then follow from that number. An entry that the caller
    /// comes to see is `registered`, one that he no longer sees is `removed`, whatever the reason; a
    /// `removed` of what he does not know is nothing to him. 410 says that the changes since then are not
    /// known here: read the list again, then follow from `last`.
    ///
    /// With `Accept: text/event-stream` the answer is a stream of server-sent events: `id` is the number of
    /// the change, `event` what happened, `data` the change. Come back with `Last-Event-ID` (or `since`) to
    /// miss nothing; without either a stream begins now. `position` only says where the stream is, `reset`
    /// what 410 says; both have `last` as their data. The stream ends with the caller's identity, about once
    /// a minute: come back with a token that is still good.
    #[oai(path = "/api/changes", method = "get", operation_id = "listChanges", tag = "Tag::Changes")]
    async fn changes(
        &self,
        caller: Caller,
        headers: &HeaderMap,
        /// The number to go on from; the answer begins with the change after it.
        since: Query<Option<u64>>,
        /// At most this many on a page, 1 to 1000; 100 unless said otherwise. A stream has no pages.
        limit: Query<Option<u32>>,
        /// The `id` of the last event that arrived; before `since`.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Lines,
    ) -> Result<ChangesAnswer, ApiError> {
        let limit = body::limit(limit.0)?;
        let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let changed = if accepted.any(|accept| body::accepts(accept, Events::CONTENT_TYPE)) {
            let since = body::last_event_id(last_event_id.0.as_deref())?.or(since.0);
            Changed::Stream(Events(Following::start(&self.0, caller, since).await?))
        } else {
            Changed::Page(Json(ChangePage::new(&page::page(&self.0, &caller, since.0, limit).await?)))
        };
        Ok(ChangesAnswer::Changes(changed))
    }
}
