//! Removing an agent.

use access::Action;
use catalog::EntryPath;

use super::conditions::{check_match, settle};
use super::read::permitted;
use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// Removes the agent at a path; nothing of it stays findable.
pub(crate) async fn remove(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    if_match: Option<&str>,
) -> Result<(), ApiError> {
    settle(if_match, || Box::pin(once(app, caller, path, if_match))).await
}

async fn once(app: &App, caller: &Caller, path: &EntryPath, if_match: Option<&str>) -> Result<(), ApiError> {
    let (permit, entry) = permitted(app, caller, Action::DeleteAgent, path)?;
    check_match(if_match, &entry.etag)?;
    app.store.remove(&permit, &entry.etag, path).await?;
    tracing::info!(%path, by = caller.who.username, "removed");
    app.index.follow(path).await;
    Ok(())
}
