//! What operators and supervisors ask: alive, ready, how it is doing.

use serde_json::{Value, json};

use crate::app::App;
use crate::reply::Reply;

/// The process answers.
pub(crate) fn live() -> Reply {
    Reply::json(200, &json!({"status": "ok"}))
}

/// Whether some token can be proven: 503 while there is no key of any issuer.
pub(crate) fn ready(app: &App) -> Reply {
    let ready = app.issuers.iter().any(|trusted| trusted.issuer.keys.state().keys > 0);
    let status = if ready { 200 } else { 503 };
    Reply::json(status, &json!({ "ready": ready }))
}

/// The counters, for Prometheus.
pub(crate) fn metrics(app: &App) -> Reply {
    Reply::new(
        200,
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        app.metrics.text(&app.policy.state(), app.audit.lost()),
    )
}

/// Status, policy, issuers and directory: `degraded` while some issuer has no keys or could not be
/// asked for them the last time, the newest content of the policy is faulty, or the directory cannot be
/// written.
pub(crate) fn health(app: &App) -> Reply {
    let mut degraded = !app.policy.state().faults.is_empty();
    let issuers: Vec<Value> = app
        .issuers
        .iter()
        .map(|trusted| {
            let keys = trusted.issuer.keys.state();
            degraded |= keys.keys == 0 || keys.fault.is_some();
            json!({"issuer": trusted.issuer.names.first(), "method": trusted.method, "keys": keys})
        })
        .collect();
    let directory = app.agents().map(|agents| {
        let kept = agents.store().status();
        // While that is so, agents are answered with 503.
        let unknown = agents.now().err().map(|why| why.to_string());
        let fault = kept.fault.or(unknown);
        degraded |= fault.is_some();
        json!({"store": kept.kind, "fault": fault, "agents": agents.known().agents().count()})
    });
    let status = if degraded { "degraded" } else { "ok" };
    let policy = app.policy.state();
    let faults: Vec<String> = policy.faults.iter().map(ToString::to_string).collect();
    let policy = json!({"version": policy.policy.version(), "loaded_at": policy.loaded_at, "faults": faults});
    let mut health = json!({"status": status, "policy": policy, "issuers": issuers});
    if let Some(directory) = directory {
        health["directory"] = directory;
    }
    Reply::json(200, &health).no_store()
}
