//! Enabling and disabling an agent.

use std::sync::Arc;

use access::Action;
use catalog::{AgentEntry, EntryPath};

use super::read::permitted;
use crate::App;
use crate::conditions::IfMatch;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::settle::{Tried, settle};

/// Makes an agent found by discovery, or not.
pub(crate) async fn toggle(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    enabled: bool,
    if_match: &IfMatch,
) -> Result<Arc<AgentEntry>, ApiError> {
    settle(&*app.store, if_match, || Box::pin(once(app, caller, path, enabled, if_match))).await
}

async fn once(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    enabled: bool,
    if_match: &IfMatch,
) -> Result<Tried<Arc<AgentEntry>>, ApiError> {
    let (permit, old) = permitted(app, caller, Action::ModifyAgent, path)?;
    if_match.check(&old.etag)?;
    if old.enabled == enabled {
        return Ok(Tried::Nothing(old));
    }
    let next = old.toggled(enabled, &app.now())?;
    let entry = app.store.replace(&permit, &old.etag, next).await?;
    tracing::info!(path = %entry.path, by = caller.who.username, enabled, "toggled");
    app.index.follow(&entry.path).await;
    Ok(Tried::Kept(entry))
}
