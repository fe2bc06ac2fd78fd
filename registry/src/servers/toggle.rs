//! Enabling and disabling a server.

use std::sync::Arc;

use access::Action;
use catalog::{Entry, EntryPath, ServerEntry};

use super::read::permitted;
use crate::App;
use crate::conditions::IfMatch;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::settle::{Tried, settle};

/// Makes a server known to the gateway and to discovery, or not. One that is enabled and was never checked is asked
/// at once; another one when its turn comes.
pub(super) async fn toggle(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    enabled: bool,
    if_match: &IfMatch,
) -> Result<Arc<ServerEntry>, ApiError> {
    settle(&*app.servers, if_match, || Box::pin(once(app, caller, path, enabled, if_match))).await
}

async fn once(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    enabled: bool,
    if_match: &IfMatch,
) -> Result<Tried<Arc<ServerEntry>>, ApiError> {
    let (permit, old) = permitted(app, caller, Action::ToggleService, path)?;
    if_match.check(old.etag())?;
    if old.enabled == enabled {
        return Ok(Tried::Nothing(old));
    }
    let next = old.toggled(enabled, &app.now())?;
    let entry = app.servers.replace(&permit, old.etag(), next).await?;
    tracing::info!(path = %entry.path, by = caller.who.username, enabled, "toggled a server");
    super::follow(app, &entry.path).await;
    Ok(Tried::Kept(entry))
}
