//! Discovery: the endpoints.

mod body;
mod semantic;
mod skills;

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use self::body::{DiscoverAnswer, DiscoverInput, Discovered, Searched, SemanticAnswer, SemanticInput};
use crate::App;
use crate::agents::Tag;
use crate::body::Inputs;
use crate::error::ApiError;
use crate::identity::Caller;

/// The operations that find agents.
pub(crate) struct Discovery(pub(crate) Arc<App>);

#[OpenApi]
impl Discovery {
    /// Find agents by skills and tags
    ///
    /// Enabled agents the caller may see that have at least one of the skills (or of the tags, when
    /// no skill is named), best first. The values may stand in the query string, in JSON or in a form.
    #[oai(
        path = "/api/agents/discover",
        method = "post",
        operation_id = "discoverAgents",
        tag = "Tag::Discovery"
    )]
    async fn discover(&self, caller: Caller, input: Inputs<DiscoverInput>) -> Result<Discovered, ApiError> {
        let wish = body::wish(&input.values)?;
        let matches = skills::find(&self.0, &caller, &wish)?;
        Ok(Discovered::Agents(Json(DiscoverAnswer::new(wish, matches))))
    }

    /// Find agents by meaning
    ///
    /// Enabled agents the caller may see whose cards are nearest in meaning to the question, best
    /// first. 503 while the model is not there; everything else works then.
    #[oai(
        path = "/api/agents/discover/semantic",
        method = "post",
        operation_id = "discoverAgentsSemantic",
        tag = "Tag::Discovery"
    )]
    async fn semantic(&self, caller: Caller, input: Inputs<SemanticInput>) -> Result<Searched, ApiError> {
        let question = body::question(&input.values)?;
        let found = semantic::search(&self.0, &caller, &question).await?;
        Ok(Searched::Entities(Json(SemanticAnswer::new(question, &found))))
    }
}
