//! What the whole registry shares: built in `main`, or by a test.

use std::sync::Arc;
use std::time::Duration;

use access::{Action, DecisionRecord, Denied, LivePolicy, Permit, Policy, Resource, Verdict};
use boot::audit::Audit;
use catalog::{AgentEntry, CardRules, Entry, EntryPath, ServerEntry};
use store::{Catalogue, EntryStore, Status};
use token::Clock;

use crate::agents::EndpointRules;
use crate::changes::Followers;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::indexing::Index;
use crate::keyring::Keyring;
use crate::servers::Health;
use crate::{Exchange, Gateway, Metrics, Seal, Upstreams};

/// Our name in the audit trail.
const SERVER: &str = "registry";

/// One registry.
pub struct App {
    /// Who may do what.
    pub policy: LivePolicy,
    /// Where agents are kept.
    pub store: Arc<dyn EntryStore<AgentEntry>>,
    /// Where MCP servers are kept.
    pub servers: Arc<dyn EntryStore<ServerEntry>>,
    /// Where they are found by meaning.
    pub index: Index,
    /// How old what is shown may be; none when it may be of any age.
    pub max_lag: Option<Duration>,
    /// Who is calling.
    pub seal: Seal,
    /// Where tokens for MCP servers are made.
    pub exchange: Exchange,
    /// How MCP servers are called.
    pub upstreams: Upstreams,
    /// What the gateway to them takes.
    pub gateway: Gateway,
    /// What is known of the servers' health.
    pub health: Health,
    /// The registry's own key.
    pub keyring: Keyring,
    /// What the operator has loosened about cards.
    pub rules: CardRules,
    /// Where denied and changing requests are recorded.
    pub audit: Audit,
    /// What is counted.
    pub metrics: Metrics,
    /// Who follows the changes.
    pub followers: Followers,
    /// Which agents may be looked at.
    pub endpoints: EndpointRules,
    /// The gateway's address, for the OpenAPI document.
    pub public_url: String,
    /// Seconds since the epoch.
    pub clock: Clock,
}

impl App {
    /// The agents that are shown to callers, see [`App::shown`].
    pub(crate) fn picture(&self) -> Result<Arc<Catalogue>, ApiError> {
        self.shown(&*self.store)
    }

    /// The picture of a store that is shown to callers: none that is older than the operator allows, because
    /// what was removed or hidden elsewhere since would still stand in it.
    pub(crate) fn shown<E: Entry>(&self, store: &dyn EntryStore<E>) -> Result<Arc<Catalogue<E>>, ApiError> {
        if self.is_too_old(&store.status()) {
            return Err(ApiError::Behind);
        }
        Ok(store.catalogue())
    }

    /// How both stores are doing.
    pub(crate) fn stores(&self) -> Status {
        self.store.status().and(self.servers.status())
    }

    /// Whether what is shown may be older than the operator allows.
    pub(crate) fn is_too_old(&self, store: &Status) -> bool {
        self.max_lag.is_some_and(|most| store.lag > most)
    }

    /// The picture to tell somebody from who knows the change with this number: when it is not here, another
    /// registry has told him, or nobody; which of the two, only the newest picture shows.
    pub(crate) async fn picture_from(&self, number: u64) -> Result<Arc<Catalogue>, ApiError> {
        let picture = self.picture()?;
        if number <= picture.changes().last() {
            return Ok(picture);
        }
        if let Err(fault) = self.store.refresh().await {
            tracing::warn!(%fault, number, "a follower knows a change that is not here");
            return Err(ApiError::Behind);
        }
        self.picture()
    }

    /// Decides, and puts what was denied or will change something into the audit trail.
    pub(crate) fn decide(
        &self,
        caller: &Caller,
        action: Action,
        resource: &Resource,
    ) -> Result<Permit, Denied> {
        let decided = caller.policy.decide(&caller.who, action, resource);
        let verdict = match &decided {
            Ok(_) if !action.changes() => return decided,
            Ok(_) => Verdict::Allowed,
            Err(Denied::OutsideGrants(_)) => Verdict::OutsideGrants,
            Err(Denied::Invisible) => Verdict::Invisible,
        };
        if !caller.recorded.is_news(action, verdict) {
            return decided;
        }
        let rule = caller.policy.explain(&caller.who, action, resource).reason();
        self.record(caller, action.name(), resource.path(), verdict.name(), rule);
        decided
    }

    /// Decides on whatever lives at a path, and hands that out with the permit.
    pub(crate) fn decide_on<E: Entry>(
        &self,
        caller: &Caller,
        action: Action,
        path: &EntryPath,
        picture: &Catalogue<E>,
    ) -> Result<(Permit, Arc<E>), ApiError> {
        match picture.get(path) {
            Some(entry) => Ok((self.decide(caller, action, entry.resource())?, entry.clone())),
            None => {
                self.decide(caller, action, &Resource::vacant(E::policy_name(path)))?;
                Err(ApiError::Absent)
            }
        }
    }

    /// Refuses, on the record, what no rule of the policy is about.
    pub(crate) fn forbid(&self, caller: &Caller, action: &str, resource: &str, message: &str) -> ApiError {
        self.record(caller, action, resource, "forbidden", message.to_owned());
        ApiError::Forbidden(message.to_owned())
    }

    /// Puts a decision into the audit trail.
    pub(crate) fn record(&self, caller: &Caller, action: &str, resource: &str, verdict: &str, rule: String) {
        self.audit.record(&DecisionRecord {
            time: (self.clock)(),
            server: SERVER,
            request_id: &caller.request_id,
            who: Some(&caller.who.username),
            client_id: caller.who.client_id.as_deref(),
            action,
            resource,
            verdict,
            rule: Some(rule),
            policy_version: caller.policy.version(),
        });
    }

    /// Records a request by nobody.
    pub(crate) fn record_stranger(&self, request_id: &str, method: &str, path: &str, policy: &Policy) {
        self.audit.record(&DecisionRecord {
            time: (self.clock)(),
            server: SERVER,
            request_id,
            who: None,
            client_id: None,
            action: method,
            resource: path,
            verdict: "unauthenticated",
            rule: None,
            policy_version: policy.version(),
        });
    }

    /// Now, as cards write it: RFC 3339 in UTC with `Z`.
    pub(crate) fn now(&self) -> String {
        instant((self.clock)())
    }
}

/// Seconds since the epoch as RFC 3339 in UTC with `Z`.
pub(crate) fn instant(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}
