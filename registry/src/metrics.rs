//! What an operator's collector reads, in the OpenMetrics text format.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::App;

/// Counts what is counted as it happens; what is a state is read when somebody asks.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Answers by the first digit of their status.
    answers: Family<[(&'static str, String); 1], Counter>,
    /// What became of requests for MCP servers.
    gateway: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Metrics {
    /// One more request for an MCP server, and what became of it.
    pub(crate) fn gateway(&self, outcome: &'static str) {
        self.gateway.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// One more answer.
    pub(crate) fn answered(&self, status: u16) {
        self.answers.get_or_create(&[("status", format!("{}xx", status / 100))]).inc();
    }
}

/// All metrics of a registry as text.
pub(crate) fn text(app: &App) -> String {
    let policy = app.policy.state();
    let mut registry = Registry::with_prefix("registry");
    registry.register("answers", "Answers by class of status", app.metrics.answers.clone());
    registry.register(
        "gateway",
        "Requests for MCP servers by what became of them",
        app.metrics.gateway.clone(),
    );
    let lost = Counter::<u64, AtomicU64>::default();
    lost.inc_by(app.audit.lost());
    registry.register("audit_lost", "Records of the audit trail that were not written", lost);
    let remapped = Counter::<u64, AtomicU64>::default();
    remapped.inc_by(app.seal.remapped());
    registry.register(
        "identities_remapped",
        "Requests sealed under another policy than the registry's",
        remapped,
    );
    let store = app.stores();
    let search = app.index.report();
    let states: [(&str, &str, u64); 13] = [
        ("agents", "Registered agents", app.store.catalogue().len() as u64),
        ("servers", "Registered MCP servers", app.servers.catalogue().len() as u64),
        ("store_writable", "1 while changes can be kept", u64::from(store.fault.is_none())),
        ("journal_bytes", "Bytes of changes that are not in the snapshot yet", store.journal_bytes),
        ("last_change", "The number of the latest change", app.store.catalogue().changes().last()),
        (
            "gateway_under_way",
            "Requests and streams that MCP servers are busy with",
            app.upstreams.under_way() as u64,
        ),
        ("change_streams", "Streams of changes that are open", app.followers.count() as u64),
        (
            "search_ready",
            "1 while all entries are found by their meaning",
            u64::from(search.state == "ready"),
        ),
        ("search_entries", "Agents, MCP servers and tools that can be found", search.progress.entries as u64),
        ("search_embedded", "Those of them that are found by their meaning", search.progress.embedded as u64),
        (
            "policy_generation",
            "Contents of scopes.yml that have come into force since the start",
            policy.generation,
        ),
        (
            "policy_loaded_seconds",
            "When the policy in force was loaded, in seconds since the epoch",
            policy.loaded_at,
        ),
        (
            "policy_faults",
            "Faults of the newest content of scopes.yml, which is then not in force",
            policy.faults.len() as u64,
        ),
    ];
    for (name, help, value) in states {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    }
    let lag = Gauge::<f64, AtomicU64>::default();
    lag.set(store.lag.as_secs_f64());
    registry.register("store_lag_seconds", "How old what is read may be", lag);
    let version = Family::<[(&str, String); 1], Gauge>::default();
    version.get_or_create(&[("version", policy.policy.version().to_owned())]).set(1);
    registry.register("policy", "The version of the policy in force", version);
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => text,
        Err(fault) => {
            tracing::error!(%fault, "the metrics cannot be written");
            String::new()
        }
    }
}
