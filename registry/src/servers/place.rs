//! Where a server lives and how it is spoken to: what is known of one place says nothing about another.

use std::collections::BTreeMap;

use catalog::{ServerEntry, Transport};
use url::Url;

/// Where a server lives, and what it wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    upstream: Url,
    transports: Vec<Transport>,
    /// As the store has them, sealed.
    headers: BTreeMap<String, String>,
}

impl Place {
    pub(super) fn of(server: &ServerEntry) -> Place {
        Place {
            upstream: server.upstream.clone(),
            transports: server.transports.clone(),
            headers: server.headers.clone(),
        }
    }
}
