//! Removing an agent.

use access::Action;
use catalog::EntryPath;

use super::read::permitted;
use crate::App;
use crate::conditions::IfMatch;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::settle::{Tried, settle};

/// Removes the agent at a path; nothing of it stays findable.
pub(crate) async fn remove(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    if_match: &IfMatch,
) -> Result<(), ApiError> {
    settle(&*app.store, if_match, || Box::pin(once(app, caller, path, if_match))).await
}

async fn once(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    if_match: &IfMatch,
) -> Result<Tried<()>, ApiError> {
    let (permit, entry) = permitted(app, caller, Action::DeleteAgent, path)?;
    if_match.check(&entry.etag)?;
    app.store.remove(&permit, &entry.etag, path).await?;
    tracing::info!(%path, by = caller.who.username, "removed");
    app.index.follow(path).await;
    Ok(Tried::Kept(()))
}
