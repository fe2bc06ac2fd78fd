//! Counters for the operator, in Prometheus' text format.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// What is counted. Each counter is a field: counting is one atomic addition, no look-up.
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests to /validate that were let in.
    pub(crate) allowed: Counter,
    /// … refused for want of a good token (401).
    pub(crate) unauthenticated: Counter,
    /// … refused for want of permission or for a hidden path (403).
    pub(crate) forbidden: Counter,
    /// … not decided for a fault of ours (503).
    pub(crate) failed: Counter,
    /// Proofs taken from the cache.
    pub(crate) cached: Counter,
    /// Access tokens issued.
    pub(crate) issued: Counter,
    /// Token requests refused.
    pub(crate) grants_refused: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut registry = Registry::with_prefix("auth_server");
        let mut outcome = |outcome: &'static str| {
            let counter = Counter::default();
            registry.sub_registry_with_label(("outcome".into(), outcome.into())).register(
                "validate_answers",
                "Answers of /validate",
                counter.clone(),
            );
            counter
        };
        let (allowed, unauthenticated) = (outcome("allowed"), outcome("unauthenticated"));
        let (forbidden, failed) = (outcome("forbidden"), outcome("failed"));
        let mut plain = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let cached = plain("validate_cached", "Tokens whose proof was still in the cache");
        let issued = plain("tokens_issued", "Access tokens issued");
        let grants_refused = plain("grants_refused", "Token requests refused");
        Metrics { registry, allowed, unauthenticated, forbidden, failed, cached, issued, grants_refused }
    }

    /// All counters as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
