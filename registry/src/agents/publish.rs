//! Registering an agent.

use std::sync::Arc;

use access::{Action, Denied, Permit, Principal, Resource};
use catalog::{AgentDraft, AgentEntry, TrustLevel};
use serde_json::{Map, Value};

use crate::App;
use crate::error::ApiError;

/// Registers a card for its caller.
pub(crate) async fn publish(
    app: &App,
    caller: &Principal,
    card: Map<String, Value>,
) -> Result<Arc<AgentEntry>, ApiError> {
    refuse_outsiders(app, caller, &card)?;
    let draft = AgentDraft::read(card, app.rules)?;
    let vacant = Resource::vacant(draft.path().as_str());
    let permit = app.policy.decide(caller, Action::PublishAgent, &vacant)?;
    check_trust(&permit, draft.trust(), TrustLevel::Community)?;
    let registrant = registrant(&permit, &draft, &caller.username);
    let entry = draft.into_new_entry(&registrant, &app.now())?;
    let entry = app.store.insert(&permit, entry).await?;
    tracing::info!(path = %entry.path, by = caller.username, "registered");
    app.index.follow(&entry.path).await;
    Ok(entry)
}

/// Who may not publish there is told so before his card is looked at: it is not for him to
/// learn what is wrong with it, nor for us to find out.
fn refuse_outsiders(app: &App, caller: &Principal, card: &Map<String, Value>) -> Result<(), ApiError> {
    let permitted = match AgentDraft::wanted_path(card) {
        Some(path) => {
            app.policy.decide(caller, Action::PublishAgent, &Resource::vacant(path.as_str())).map(drop)
        }
        None if app.policy.view(caller, Action::PublishAgent).reaches_anything() => Ok(()),
        None => Err(Denied::OutsideGrants(Action::PublishAgent)),
    };
    Ok(permitted?)
}

/// Only an admin may vouch for an agent beyond what it has.
pub(super) fn check_trust(permit: &Permit, wanted: TrustLevel, free: TrustLevel) -> Result<(), ApiError> {
    if wanted <= free || permit.is_admin() {
        return Ok(());
    }
    let message =
        format!("only an admin may set trust_level '{}': send at most '{}'", wanted.name(), free.name());
    Err(ApiError::Forbidden(message))
}

/// Who the entry belongs to: what the card says is ignored, unless an admin says it.
pub(super) fn registrant(permit: &Permit, draft: &AgentDraft, otherwise: &str) -> String {
    draft.registrant().filter(|_| permit.is_admin()).unwrap_or(otherwise).to_owned()
}
