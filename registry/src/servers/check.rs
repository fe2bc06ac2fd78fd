//! Asking a server how it is, and what its tools are.

use std::sync::Arc;

use access::Action;
use catalog::{Entry, EntryPath, ServerEntry};
use serde_json::Value;
use store::StoreError;

use super::author;
use super::health::Checked;
use super::place::Place;
use super::probe::{self, Fault};
use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// Checks a server because a caller has asked for it.
pub(super) async fn on_demand(
    app: &App,
    caller: &Caller,
    path: &EntryPath,
) -> Result<(Checked, Arc<ServerEntry>), ApiError> {
    let picture = app.shown(&*app.servers)?;
    let (_, server) = app.decide_on(caller, Action::HealthCheckService, path, &picture)?;
    let Some(_turn) = app.health.turn() else {
        return Err(ApiError::TooManyChecks);
    };
    let checked = check(app, &server).await;
    let server = app.servers.catalogue().get(path).cloned().ok_or(ApiError::Absent)?;
    Ok((checked, server))
}

/// Asks a server, notes how it is, and keeps its tools if they are others.
pub(super) async fn check(app: &App, server: &ServerEntry) -> Checked {
    let patience = app.health.patience.check;
    let asked = match tokio::time::timeout(patience, probe::ask(app, server)).await {
        Ok(asked) => asked,
        Err(_) => {
            Err(Fault::Broken(format!("it did not tell its tools within {} seconds", patience.as_secs())))
        }
    };
    let (tools, fault) = match asked {
        Ok(told) => {
            let probe::Told { name, version, protocol, tools } = told;
            tracing::debug!(path = %server.path, name, version, protocol, tools = tools.len(), "a server answered");
            (Some(tools), None)
        }
        // Many use it, which says nothing about its health: it stays what it was.
        Err(Fault::Busy) if app.health.last(server).is_some_and(|last| last.failures == 0) => (None, None),
        Err(fault) => {
            let fault = fault.to_string();
            tracing::warn!(path = %server.path, fault, "a server does not tell its tools");
            (None, Some(fault))
        }
    };
    if let Some(tools) = tools
        && let Err(fault) = keep(app, server, tools).await
    {
        tracing::error!(path = %server.path, %fault, "the tools of a server could not be kept");
    }
    app.health.note(server, (app.clock)(), fault)
}

/// Keeps what a server told of its tools, unless it lives elsewhere by now: then they are those of another.
async fn keep(app: &App, asked: &ServerEntry, tools: Vec<Value>) -> Result<(), StoreError> {
    loop {
        let Some(server) = app.servers.catalogue().get(&asked.path).cloned() else { return Ok(()) };
        if Place::of(&server) != Place::of(asked) || server.offers(&tools) {
            return Ok(());
        }
        let next = match server.with_tools(tools.clone(), &app.now()) {
            Ok(next) => next,
            Err(faults) => {
                tracing::error!(path = %server.path, %faults, "the tools of a server make no card");
                return Ok(());
            }
        };
        let permit = author::permit(Action::HealthCheckService, &server);
        match app.servers.replace(&permit, server.etag(), next).await {
            Ok(entry) => {
                tracing::info!(path = %entry.path, tools = entry.tools.len(), "a server has other tools");
                super::follow(app, &entry.path).await;
                return Ok(());
            }
            // Somebody has changed it in between: what he wrote stays, with these tools.
            Err(StoreError::Changed { .. }) => app.servers.refresh().await?,
            Err(StoreError::Absent(_)) => return Ok(()),
            Err(fault) => return Err(fault),
        }
    }
}
