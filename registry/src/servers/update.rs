//! Changing a server's card: whole (PUT) or in part (PATCH).

use std::sync::Arc;

use access::Action;
use catalog::{Entry, EntryPath, ServerDraft, ServerEntry};
use serde_json::{Map, Value};

use super::place::Place;
use super::read::permitted;
use super::register::{in_background, sealed};
use crate::App;
use crate::conditions::IfMatch;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::settle::{Tried, settle};

/// How a submitted card changes the stored one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Fields that are left out stay.
    Replace,
    /// RFC 7396: `null` removes.
    Patch,
}

/// Changes the card at a path. A server that lives elsewhere since is asked for its tools there.
pub(super) async fn update(
    app: &Arc<App>,
    caller: &Caller,
    path: &EntryPath,
    change: Change,
    if_match: &IfMatch,
    card: &Map<String, Value>,
) -> Result<Arc<ServerEntry>, ApiError> {
    let (old, entry) =
        settle(&*app.servers, if_match, || Box::pin(once(app, caller, path, change, if_match, card))).await?;
    if Place::of(&old) != Place::of(&entry) && in_background(app, &entry).is_none() {
        tracing::warn!(%path, "its tools are not read yet: too many servers are being checked now");
    }
    Ok(entry)
}

async fn once(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    change: Change,
    if_match: &IfMatch,
    card: &Map<String, Value>,
) -> Result<Tried<(Arc<ServerEntry>, Arc<ServerEntry>)>, ApiError> {
    let (permit, old) = permitted(app, caller, Action::ModifyService, path)?;
    if_match.check(old.etag())?;
    let draft = match change {
        Change::Replace => ServerDraft::replace(&old, card.clone(), app.rules)?,
        Change::Patch => ServerDraft::patch(&old, card.clone(), app.rules)?,
    };
    // Who may change a server may not thereby enable it.
    if draft.enabled().is_some_and(|enabled| enabled != old.enabled) {
        app.decide(caller, Action::ToggleService, old.resource())?;
    }
    let next = sealed(app, draft)?.into_next_entry(&old, &app.now())?;
    let entry = app.servers.replace(&permit, old.etag(), next).await?;
    tracing::info!(path = %entry.path, by = caller.who.username, "updated a server");
    super::follow(app, &entry.path).await;
    Ok(Tried::Kept((old, entry)))
}
