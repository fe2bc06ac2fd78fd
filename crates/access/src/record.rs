//! What the audit trail says of a decision.

use serde::Serialize;

/// One denied or changing request. It names who and what, never a token, secret or body.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionRecord<'r> {
    /// Seconds since the epoch.
    pub time: u64,
    /// `auth-server` or `registry`.
    pub server: &'static str,
    /// The gateway's id of the request.
    pub request_id: &'r str,
    /// The caller's username; none when nobody was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<&'r str>,
    /// The OAuth client of the caller's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'r str>,
    /// What was asked for: an action of the policy, or `validate`.
    pub action: &'r str,
    /// The path it was asked for.
    pub resource: &'r str,
    /// `allowed`, `outside_grants`, `invisible`, `unauthenticated`, …
    pub verdict: &'r str,
    /// The rule that decided, with its line where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The version of the policy that decided.
    pub policy_version: &'r str,
}
