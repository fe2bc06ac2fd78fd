//! What the registry itself writes about servers: their tools as they told them, their secrets as it sealed them.

use access::{Action, Permit, Policy, Principal, ScopeSet};
use catalog::{Entry, ServerEntry};

/// Whom the history names as the author.
const AUTHOR: &str = "registry";
/// Its scope in a policy of its own: that of the file is about others.
const POLICY: &str = "UI-Scopes: {registry: {health_check_service: [all], modify_service: [all]}}";

/// The permit for what the registry does of itself: a check brings tools up to date, a change seals headers.
pub(super) fn permit(action: Action, server: &ServerEntry) -> Permit {
    let policy = Policy::parse(POLICY).expect("a policy that stands here and is tested");
    let scopes = ScopeSet::parse(AUTHOR);
    let who = Principal { username: AUTHOR.to_owned(), scopes, ..Principal::default() };
    policy.decide(&who, action, server.resource()).expect("this policy grants these two on every server")
}
