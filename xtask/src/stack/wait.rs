//! Waiting for what has been started: asked again and again until a deadline, and given up at once when
//! a process has ended that it depends on.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::processes::Process;
use crate::fault::{Doing as _, Fault, Outcome};
use crate::say;

const STEP: Duration = Duration::from_millis(20);

/// Waits until `attempt` has an answer; `what` completes the sentence "waiting for …". `alive` is asked
/// before each pause whether there is still something to wait for.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut alive: impl FnMut() -> Outcome<()>,
    mut attempt: impl AsyncFnMut() -> Option<T>,
) -> Outcome<T> {
    let started = Instant::now();
    let mut said = false;
    loop {
        if let Some(answer) = attempt().await {
            return Ok(answer);
        }
        alive()?;
        if started.elapsed() > limit {
            return Err(Fault::new(format!("waited {} s for {what} in vain", limit.as_secs())));
        }
        if !said && started.elapsed() > Duration::from_secs(1) {
            say(&format!("waiting for {what}"));
            said = true;
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Waits for the file in which a server says where it listens.
pub(super) async fn for_ready_file(what: &str, file: &Path, process: &mut Process) -> Outcome<Value> {
    until(
        what,
        Duration::from_secs(60),
        || process.still_runs(),
        async || std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()),
    )
    .await
}

/// A URL out of a ready file.
pub(super) fn url(ready: &Value, key: &str) -> Outcome<String> {
    match ready.get(key).and_then(Value::as_str) {
        Some(url) => Ok(url.trim_end_matches('/').to_owned()),
        None => Err(Fault::new(format!("the ready file has no {key:?}: {ready}"))),
    }
}

/// Waits until the registry answers through the gateway and the search is on its way no longer; says in
/// which state the search then is.
pub(super) async fn for_health(gateway: &str, alive: impl FnMut() -> Outcome<()>) -> Outcome<String> {
    let client = client()?;
    let address = format!("{gateway}/health");
    until("the registry to be healthy", Duration::from_secs(180), alive, async || {
        let health: Value =
            client.get(&address).send().await.ok()?.error_for_status().ok()?.json().await.ok()?;
        let state = health.pointer("/search/state").and_then(Value::as_str).unwrap_or("unavailable");
        (!matches!(state, "loading" | "building")).then(|| state.to_owned())
    })
    .await
}

/// An HTTP client for loopback: no proxy of the environment, and nothing waits for ever.
pub fn client() -> Outcome<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .doing(|| "make an HTTP client".into())
}
