//! Registering an agent.

use std::sync::Arc;

use access::{Action, Permit, Resource};
use catalog::{AgentDraft, AgentEntry, TrustLevel};
use serde_json::{Map, Value};

use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// Registers a card for its caller.
pub(crate) async fn publish(
    app: &App,
    caller: &Caller,
    card: Map<String, Value>,
) -> Result<Arc<AgentEntry>, ApiError> {
    let permit = permit(app, caller, &card)?;
    let draft = AgentDraft::read(card, app.rules)?;
    check_trust(app, caller, &permit, &draft, TrustLevel::Community)?;
    let registrant = registrant(&permit, &draft, &caller.who.username);
    let entry = draft.into_new_entry(&registrant, &app.now())?;
    let entry = app.store.insert(&permit, entry).await?;
    tracing::info!(path = %entry.path, by = caller.who.username, "registered");
    app.index.follow(&entry.path).await;
    Ok(entry)
}

/// Who may not publish there is told so before his card is looked at: it is not for him to
/// learn what is wrong with it, nor for us to find out.
fn permit(app: &App, caller: &Caller, card: &Map<String, Value>) -> Result<Permit, ApiError> {
    match AgentDraft::wanted_path(card) {
        Some(path) => Ok(app.decide(caller, Action::PublishAgent, &Resource::vacant(path.as_str()))?),
        None if caller.view(Action::PublishAgent).reaches_anything() => {
            // The card cannot be read either, and reading it tells every fault at once.
            AgentDraft::read(card.clone(), app.rules)?;
            Err(ApiError::ours("a card without a path was read"))
        }
        // No path is spelled so: the answer is that of a caller who may publish nowhere.
        None => Ok(app.decide(caller, Action::PublishAgent, &Resource::vacant("/"))?),
    }
}

/// Only an admin may vouch for an agent beyond what it has.
pub(super) fn check_trust(
    app: &App,
    caller: &Caller,
    permit: &Permit,
    draft: &AgentDraft,
    free: TrustLevel,
) -> Result<(), ApiError> {
    let wanted = draft.trust();
    if wanted <= free || permit.is_admin() {
        return Ok(());
    }
    let (wanted, free) = (wanted.name(), free.name());
    let message = format!("only an admin may set trust_level '{wanted}': send at most '{free}'");
    Err(app.forbid(caller, "set_trust_level", draft.path().as_str(), &message))
}

/// Who the entry belongs to: what the card says is ignored, unless an admin says it.
pub(super) fn registrant(permit: &Permit, draft: &AgentDraft, otherwise: &str) -> String {
    draft.registrant().filter(|_| permit.is_admin()).unwrap_or(otherwise).to_owned()
}
