//! What the whole registry shares: built in `main`, or by a test.

use std::sync::Arc;

use access::Policy;
use catalog::CardRules;
use store::AgentStore;
use token::Clock;

use crate::agents::EndpointRules;
use crate::indexing::Index;
use crate::{Seal, openapi};

/// One registry.
pub struct App {
    /// Who may do what.
    pub policy: Arc<Policy>,
    /// Where agents are kept.
    pub store: Arc<dyn AgentStore>,
    /// Where they are found by meaning.
    pub index: Index,
    /// Who is calling.
    pub seal: Seal,
    /// What the operator has loosened about cards.
    pub rules: CardRules,
    /// Which agents may be looked at.
    pub endpoints: EndpointRules,
    /// The gateway's address, for the OpenAPI document.
    pub public_url: String,
    /// Seconds since the epoch.
    pub clock: Clock,
}

impl App {
    /// Now, as cards write it: RFC 3339 in UTC with `Z`.
    pub(crate) fn now(&self) -> String {
        let seconds = i64::try_from((self.clock)()).unwrap_or_default();
        jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
    }
}

/// The OpenAPI document of a registry behind this gateway, as it is served.
pub fn openapi_document(app: &Arc<App>) -> String {
    openapi::document(&openapi::service(app), &app.public_url)
}
