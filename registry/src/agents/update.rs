//! Changing an agent's card: whole (PUT) or in part (PATCH).

use std::sync::Arc;

use access::Action;
use catalog::{AgentDraft, AgentEntry, EntryPath, TrustLevel};
use serde_json::{Map, Value};

use super::publish::{check_trust, registrant};
use super::read::permitted;
use crate::App;
use crate::conditions::IfMatch;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::settle::{Tried, settle};

/// How a submitted card changes the stored one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Fields that are left out stay.
    Replace,
    /// RFC 7396: `null` removes.
    Patch,
}

/// Changes the card at a path.
pub(crate) async fn update(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    change: Change,
    if_match: &IfMatch,
    card: &Map<String, Value>,
) -> Result<Arc<AgentEntry>, ApiError> {
    settle(&*app.store, if_match, || Box::pin(once(app, caller, path, change, if_match, card))).await
}

async fn once(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
    change: Change,
    if_match: &IfMatch,
    card: &Map<String, Value>,
) -> Result<Tried<Arc<AgentEntry>>, ApiError> {
    let (permit, old) = permitted(app, caller, Action::ModifyAgent, path)?;
    if_match.check(&old.etag)?;
    let draft = match change {
        Change::Replace => AgentDraft::replace(&old, card.clone(), app.rules)?,
        Change::Patch => AgentDraft::patch(&old, card.clone(), app.rules)?,
    };
    check_trust(app, caller, &permit, &draft, old.trust.max(TrustLevel::Community))?;
    let registrant = registrant(&permit, &draft, &old.registered_by);
    let next = draft.into_next_entry(&old, &registrant, &app.now())?;
    let entry = app.store.replace(&permit, &old.etag, next).await?;
    tracing::info!(path = %entry.path, by = caller.who.username, "updated");
    app.index.follow(&entry.path).await;
    Ok(Tried::Kept(entry))
}
