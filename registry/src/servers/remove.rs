//! Removing a server.

use access::Action;
use catalog::{Entry, EntryPath};

use super::read::permitted;
use crate::App;
use crate::conditions::IfMatch;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::settle::{Tried, settle};

/// Removes the server at a path: nothing of it stays findable, and the gateway no longer knows it.
pub(super) async fn remove(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    if_match: &IfMatch,
) -> Result<(), ApiError> {
    settle(&*app.servers, if_match, || Box::pin(once(app, caller, path, if_match))).await
}

async fn once(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    if_match: &IfMatch,
) -> Result<Tried<()>, ApiError> {
    let (permit, server) = permitted(app, caller, Action::ModifyService, path)?;
    if_match.check(server.etag())?;
    app.servers.remove(&permit, server.etag(), path).await?;
    tracing::info!(%path, by = caller.who.username, "removed a server");
    super::follow(app, path).await;
    Ok(Tried::Kept(()))
}
