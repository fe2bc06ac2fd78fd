//! How the registry is doing.

use std::sync::Arc;

use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::App;
use crate::agents::Tag;
use crate::app::instant;
use crate::indexing::Report;

/// The operations that need no caller.
pub(crate) struct System(pub(crate) Arc<App>);

#[OpenApi]
impl System {
    /// How the registry is doing
    ///
    /// Public. 200 as long as the registry answers; `search` says whether meaning is searched, or words alone.
    #[oai(path = "/health", method = "get", operation_id = "health", tag = "Tag::System")]
    async fn health(&self) -> HealthAnswer {
        HealthAnswer::Health(Json(Health::of(&self.0)))
    }
}

/// The registry's state; public, so it names nobody and nothing registered.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Health {
    /// `ok` while the registry answers.
    status: String,
    /// The version of the access policy in force.
    policy_version: String,
    policy: PolicyHealth,
    store: StoreHealth,
    search: SearchHealth,
    identity_keys: KeysHealth,
}

/// How the question is answered.
#[derive(ApiResponse)]
pub(crate) enum HealthAnswer {
    /// The registry answers.
    #[oai(status = 200)]
    Health(Json<Health>),
}

/// How the file of the access policy is doing.
#[derive(Object)]
struct PolicyHealth {
    /// When the policy in force was loaded, RFC 3339 in UTC.
    loaded_at: String,
    /// Faults of the file's newest content, which is then not in force; the log and the
    /// metrics say more. 0 when the newest content is in force.
    faults: u32,
}

/// Where agents and servers are kept.
#[derive(Object)]
struct StoreHealth {
    /// `file` or `postgres`.
    kind: String,
    /// Whether the last change could be kept; the log says why not.
    writable: bool,
    /// How old what is read may be, in seconds: 0 where all changes are made by this process.
    lag_seconds: f64,
    /// Whether that is more than the operator allows: until it is less, reading is answered with 503.
    stale: bool,
}

/// How far the search is. Words are searched in every state.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct SearchHealth {
    /// `ready`: by meaning and words. `building`: the same, while the meaning of some entries is being worked out.
    /// `loading`: the model is being loaded. `unavailable`: there is no model.
    state: String,
    /// Why it is unavailable, and what helps; or why everything is being built anew.
    reason: Option<String>,
    /// While it is building: how many of a hundred entries are found by their meaning already. No number of entries
    /// is told: this is for everybody, and what is hidden from him is among them.
    percent: Option<u32>,
}

/// Whether callers can be recognised.
#[derive(Object)]
struct KeysHealth {
    /// How many keys of the auth-server are known.
    keys: u32,
    /// Whether the last attempt to fetch them failed; the log says why.
    stale: bool,
}

fn percent(search: &Report) -> Option<u32> {
    let Report { state: "building", progress, .. } = search else { return None };
    (progress.embedded * 100).checked_div(progress.entries).and_then(|percent| u32::try_from(percent).ok())
}

impl Health {
    pub(crate) fn of(app: &App) -> Health {
        let policy = app.policy.state();
        let search = app.index.report();
        let keys = app.seal.keys();
        let store = app.stores();
        Health {
            status: "ok".to_owned(),
            policy_version: policy.policy.version().to_owned(),
            policy: PolicyHealth {
                loaded_at: instant(policy.loaded_at),
                faults: u32::try_from(policy.faults.len()).unwrap_or(u32::MAX),
            },
            store: StoreHealth {
                kind: store.kind.to_owned(),
                writable: store.fault.is_none(),
                lag_seconds: store.lag.as_millis() as f64 / 1000.0,
                stale: app.is_too_old(&store),
            },
            search: SearchHealth {
                state: search.state.to_owned(),
                percent: percent(&search),
                reason: search.reason,
            },
            identity_keys: KeysHealth {
                keys: u32::try_from(keys.keys).unwrap_or(u32::MAX),
                stale: keys.fault.is_some(),
            },
        }
    }
}
