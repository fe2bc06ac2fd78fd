//! Registering a server.

use std::sync::Arc;

use access::{Action, Permit, Resource};
use catalog::{Entry, Faults, ServerDraft, ServerEntry};
use serde_json::{Map, Value};

use super::check::check;
use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::keyring::KeyringError;

/// Registers a server for its caller; also says what went wrong with reading its tools.
pub(super) async fn register(
    app: &Arc<App>,
    caller: &Caller,
    card: Map<String, Value>,
) -> Result<(Arc<ServerEntry>, Option<String>), ApiError> {
    let permit = permit(app, caller, &card)?;
    let draft = ServerDraft::read(card, app.rules)?;
    let entry = sealed(app, draft)?.into_new_entry(&caller.who.username, &app.now())?;
    let entry = app.servers.insert(&permit, entry).await?;
    tracing::info!(path = %entry.path, by = caller.who.username, "registered a server");
    super::follow(app, &entry.path).await;
    let warning = first_look(app, &entry).await;
    // With its tools, if it has told them; removed by somebody else in between, it was registered all the same.
    let newest = app.servers.catalogue().get(&entry.path).cloned();
    Ok((newest.unwrap_or(entry), warning))
}

/// The draft with its secrets sealed.
pub(super) fn sealed(app: &App, draft: ServerDraft) -> Result<catalog::SealedDraft, ApiError> {
    let server = <ServerEntry as Entry>::policy_name(draft.path()).to_owned();
    let sealed = draft.seal(|header, value| app.keyring.seal(&server, header, value));
    sealed.map_err(|fault: KeyringError| Faults::one("headers", fault.to_string()).into())
}

/// Who may not register there is told so before his card is looked at, as with agents.
fn permit(app: &App, caller: &Caller, card: &Map<String, Value>) -> Result<Permit, ApiError> {
    let action = Action::RegisterService;
    match ServerDraft::wanted_path(card) {
        Some(path) => {
            Ok(app.decide(caller, action, &Resource::vacant(<ServerEntry as Entry>::policy_name(&path)))?)
        }
        None if caller.view(action).reaches_anything() => {
            // The card cannot be read either, and reading it tells every fault at once.
            ServerDraft::read(card.clone(), app.rules)?;
            Err(ApiError::ours("a server without a path was read"))
        }
        // No name is spelled so: the answer is that of a caller who may register nowhere.
        None => Ok(app.decide(caller, action, &Resource::vacant("/"))?),
    }
}

/// Reads the tools of a new server. It goes on in the background when that takes long, and when the caller
/// has left.
async fn first_look(app: &Arc<App>, server: &Arc<ServerEntry>) -> Option<String> {
    let Some(looking) = in_background(app, server) else {
        return Some("its tools are not read yet: too many servers are being checked now".to_owned());
    };
    let patience = app.health.patience.registration;
    match tokio::time::timeout(patience, looking).await {
        Ok(Ok(fault)) => fault.map(|fault| format!("its tools could not be read: {fault}")),
        Ok(Err(_)) => Some("its tools could not be read: a mistake of ours".to_owned()),
        Err(_) => Some(format!(
            "it has not told its tools within {} seconds: reading them goes on",
            patience.as_secs()
        )),
    }
}

/// Checks a server while nobody need wait for it; `None` when too many are being checked.
pub(super) fn in_background(
    app: &Arc<App>,
    server: &Arc<ServerEntry>,
) -> Option<tokio::task::JoinHandle<Option<String>>> {
    let turn = app.health.turn()?;
    let (app, server) = (app.clone(), server.clone());
    Some(tokio::spawn(async move {
        let checked = check(&app, &server).await;
        drop(turn);
        checked.reason
    }))
}
