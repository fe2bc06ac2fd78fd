//! Counters for the operator, in Prometheus' text format.

use access::PolicyState;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
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
    /// Tokens bound to an MCP server, issued in exchange for others.
    pub(crate) exchanged: Counter,
    /// Tokens revoked.
    pub(crate) revoked: Counter,
    /// Token requests refused.
    pub(crate) grants_refused: Counter,
    policy_generation: Gauge,
    policy_loaded: Gauge,
    policy_faults: Gauge,
    audit_lost: Gauge,
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
        let exchanged = plain("tokens_exchanged", "Tokens issued that are bound to an MCP server");
        let revoked = plain("tokens_revoked", "Tokens revoked");
        let grants_refused = plain("grants_refused", "Requests to OAuth endpoints refused");
        let mut state = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        Metrics {
            policy_generation: state(
                "policy_generation",
                "Contents of scopes.yml that came into force since the start",
            ),
            policy_loaded: state(
                "policy_loaded_seconds",
                "When the policy in force was loaded, since the epoch",
            ),
            policy_faults: state(
                "policy_faults",
                "Faults of the newest content of scopes.yml, not in force then",
            ),
            audit_lost: state("audit_lost", "Records of the audit trail that were not written"),
            registry,
            allowed,
            unauthenticated,
            forbidden,
            failed,
            cached,
            issued,
            exchanged,
            revoked,
            grants_refused,
        }
    }

    /// Everything as text; `lost` are the records of the audit trail that were not written.
    pub(crate) fn text(&self, policy: &PolicyState, lost: u64) -> String {
        let set = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.policy_generation, policy.generation);
        set(&self.policy_loaded, policy.loaded_at);
        set(&self.policy_faults, policy.faults.len() as u64);
        set(&self.audit_lost, lost);
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
