//! Why was I denied, and what would this edit of scopes.yml do? The endpoints.

mod body;
mod explain;
mod simulate;

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use self::body::{ExplainAnswer, ExplainInput, Explained, SimulateAnswer, SimulateInput, Simulated};
use crate::App;
use crate::agents::Tag;
use crate::body::Submitted;
use crate::error::ApiError;
use crate::identity::Caller;

/// The operations on the access policy.
pub(crate) struct Access(pub(crate) Arc<App>);

#[OpenApi]
impl Access {
    /// Explain a decision
    ///
    /// Which scopes the groups map to, what each tier of each scope says, and the verdict: of an action on an
    /// agent or an MCP server, or of a method that is called of a server (and its tool). Anybody may
    /// ask about himself (leave out `groups`, `scopes` and `username`); an admin about everybody, and he
    /// is also told which scopes would have allowed it.
    #[oai(path = "/api/access/explain", method = "post", operation_id = "explainAccess", tag = "Tag::Access")]
    async fn explain(&self, caller: Caller, input: Submitted<ExplainInput>) -> Result<Explained, ApiError> {
        let question = body::question(&input.object)?;
        let answer = explain::explain(&self.0, &caller, &question)?;
        Ok(Explained::Decision(Json(ExplainAnswer::new(&caller, answer))))
    }

    /// Simulate another policy
    ///
    /// For admins: the faults and warnings of a candidate scopes.yml, and which group would gain or lose
    /// which action on which agent or MCP server, and which of their methods and tools, against the policy in
    /// force and the entries of now.
    #[oai(
        path = "/api/access/simulate",
        method = "post",
        operation_id = "simulateAccess",
        tag = "Tag::Access"
    )]
    async fn simulate(&self, caller: Caller, input: Submitted<SimulateInput>) -> Result<Simulated, ApiError> {
        let candidate = body::candidate(&input.object)?;
        let answer = simulate::simulate(&self.0, &caller, candidate)?;
        Ok(Simulated::Changes(Json(SimulateAnswer::new(&caller, answer))))
    }
}
