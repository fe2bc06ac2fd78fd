//! The key set of an issuer somewhere else: fetched at start, in the background, and once
//! more when a token names a key we have not seen.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;
use jsonwebtoken::Algorithm;
use reqwest::Url;
use tokio::sync::Mutex;

use crate::TokenError;
use crate::key_set::{Key, KeySet};
use crate::keys::{KeySource, KeyState};

mod fetch;

pub use fetch::Location;

/// Seconds between two refreshes that tokens can cause: without it, tokens with invented
/// key names would make us hammer the provider.
pub const COOL_DOWN: u64 = 30;
/// How long a token that names an unknown key waits for a refresh. A provider that hangs
/// holds a fetch for five seconds or ten, and nginx gives up on us after five: by then the
/// caller must have an answer of ours, or a bad token would look like a fault of ours.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells the time in seconds since the epoch; a field, so that tests can move it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A remote key set, its last good state kept through an outage of the provider.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Inner>);

struct Inner {
    location: Location,
    client: reqwest::Client,
    clock: Clock,
    changes: Arc<AtomicU64>,
    set: ArcSwapOption<KeySet>,
    report: ArcSwap<KeyState>,
    /// When the last refresh began. Its lock is held during a refresh: one at a time.
    begun: Mutex<Option<u64>>,
}

impl RemoteKeys {
    /// Prepares the source; nothing is fetched before [`RemoteKeys::refresh`]. `changes` is
    /// counted up each time the keys differ from those before, for caches of what they proved.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the system's certificates cannot be read.
    pub fn new(location: Location, clock: Clock, changes: Arc<AtomicU64>) -> Result<RemoteKeys, TokenError> {
        let client = fetch::client(&location).map_err(|fault| {
            TokenError::Key(format!("{location}: the system's certificates cannot be read: {fault}"))
        })?;
        Ok(RemoteKeys(Arc::new(Inner {
            location,
            client,
            clock,
            changes,
            set: ArcSwapOption::empty(),
            report: ArcSwap::default(),
            begun: Mutex::new(None),
        })))
    }

    /// Fetches the keys now, and says when to do so again: after an hour or what the
    /// provider's `max-age` says, whichever is sooner, but not within a minute. `None` after
    /// a failure, which is logged and shown in [`KeySource::state`].
    pub async fn refresh(&self) -> Option<Duration> {
        let mut begun = self.0.begun.lock().await;
        *begun = Some((self.0.clock)());
        self.0.fetch().await
    }

    /// Refreshes for ever: run it in the background. After a failure it tries again with
    /// pauses that double up to the cool-down.
    pub async fn keep_fresh(self) {
        let mut failures = 0;
        loop {
            let pause = match self.refresh().await {
                Some(pause) => {
                    failures = 0;
                    pause
                }
                None => {
                    failures += 1;
                    Duration::from_secs(COOL_DOWN.min(1 << failures.min(6)))
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Asks the provider again unless that was done a moment ago. Who comes while a refresh
    /// is under way waits for it, then finds the cool-down running. Nobody waits for longer
    /// than [`PATIENCE`]; the refresh goes on without him.
    async fn refresh_if_cool(&self) {
        let source = self.clone();
        // In a task of its own: a caller who hangs up or loses patience must not stop the
        // refresh half-way and leave only its cool-down behind, with which he could keep new
        // keys out for good.
        let refresh = tokio::spawn(async move {
            let mut begun = source.0.begun.lock().await;
            let now = (source.0.clock)();
            if begun.is_none_or(|begun| begun.abs_diff(now) >= COOL_DOWN) {
                *begun = Some(now);
                source.0.fetch().await;
            }
        });
        match tokio::time::timeout(PATIENCE, refresh).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::error!(%fault, "the refresh of a key set broke off"),
            Err(_) => tracing::debug!(issuer = %self.0.location, "a refresh takes long"),
        }
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    async fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, TokenError> {
        if let Some(key) = self.0.set.load().as_ref().and_then(|set| set.find(kid, algorithm)) {
            return Ok(key);
        }
        self.refresh_if_cool().await;
        match self.0.set.load().as_ref() {
            Some(set) => set.find(kid, algorithm).ok_or(TokenError::UnknownKey),
            None => Err(TokenError::Unavailable),
        }
    }

    fn state(&self) -> KeyState {
        self.0.report.load().as_ref().clone()
    }
}

impl Inner {
    async fn fetch(&self) -> Option<Duration> {
        let held = self.set.load_full();
        let before = self.report.load_full();
        let (report, pause) = match fetch::key_set(&self.client, &self.location).await {
            Ok((set, pause)) => {
                let report = KeyState { keys: set.len(), refreshed_at: Some((self.clock)()), fault: None };
                if !held.is_some_and(|held| held.same(&set)) {
                    tracing::info!(issuer = %self.location, keys = set.len(), "the issuer has new keys");
                    self.set.store(Some(Arc::new(set)));
                    // After the store: who reads the new number finds the new keys.
                    self.changes.fetch_add(1, Ordering::Release);
                }
                (report, Some(pause))
            }
            // The last good keys stay: an outage of the provider is not ours.
            Err(fault) => (KeyState { fault: Some(fault), ..before.as_ref().clone() }, None),
        };
        self.tell(&before, &report);
        self.report.store(Arc::new(report));
        pause
    }

    /// Logs what changed for the operator. An outage is told when it begins, when its cause
    /// changes and when it ends, not at each try: a log that repeats itself is not read.
    fn tell(&self, before: &KeyState, after: &KeyState) {
        let issuer = &self.location;
        match Change::between(before, after) {
            Change::Same => {}
            Change::NoKeys(fault) => {
                tracing::error!(%issuer, fault, "no keys: no token of this issuer can be proven");
            }
            Change::Stale(fault) => {
                tracing::warn!(%issuer, fault, "the issuer's keys cannot be fetched: the last ones stay");
            }
            Change::Back => tracing::info!(%issuer, "the issuer's keys can be fetched again"),
        }
    }
}

/// What a refresh changed in how an issuer's keys are doing.
#[derive(Debug, PartialEq, Eq)]
enum Change<'s> {
    /// As before.
    Same,
    /// A new fault, and no keys are held.
    NoKeys(&'s str),
    /// A new fault; the last good keys are held.
    Stale(&'s str),
    /// The fault is over.
    Back,
}

impl Change<'_> {
    fn between<'s>(before: &KeyState, after: &'s KeyState) -> Change<'s> {
        match (&before.fault, &after.fault) {
            (None, None) => Change::Same,
            (Some(_), None) => Change::Back,
            (Some(before), Some(after)) if before == after => Change::Same,
            (_, Some(fault)) if after.keys == 0 => Change::NoKeys(fault),
            (_, Some(fault)) => Change::Stale(fault),
        }
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RemoteKeys({})", self.0.location)
    }
}

impl Location {
    /// A key set at a known address.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the text is no http(s) URL.
    pub fn at(jwks_uri: &str) -> Result<Location, TokenError> {
        http_url(jwks_uri).map(Location::At)
    }

    /// A key set to be found through the issuer's `/.well-known/openid-configuration`;
    /// `names` are the spellings of its `issuer` that are taken.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the issuer is no http(s) URL.
    pub fn discover(issuer: &str, names: Vec<String>) -> Result<Location, TokenError> {
        let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        http_url(&document).map(|document| Location::Discover { document, names })
    }
}

fn http_url(text: &str) -> Result<Url, TokenError> {
    let url = Url::parse(text).map_err(|fault| TokenError::Key(format!("{text:?} is no URL: {fault}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(TokenError::Key(format!("{text:?} is neither http nor https"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_begins_changes_and_ends() {
        let state = |keys: usize, fault: Option<&str>| KeyState {
            keys,
            refreshed_at: None,
            fault: fault.map(str::to_owned),
        };
        for (before, after, expected) in [
            (state(0, None), state(0, Some("refused")), Change::NoKeys("refused")),
            (state(0, Some("refused")), state(0, Some("refused")), Change::Same),
            (state(0, Some("refused")), state(0, Some("500")), Change::NoKeys("500")),
            (state(0, Some("refused")), state(2, None), Change::Back),
            (state(2, None), state(2, None), Change::Same),
            (state(2, None), state(2, Some("500")), Change::Stale("500")),
            (state(2, Some("500")), state(2, Some("500")), Change::Same),
            (state(2, Some("500")), state(1, None), Change::Back),
        ] {
            assert_eq!(Change::between(&before, &after), expected, "{before:?} {after:?}");
        }
    }
}
