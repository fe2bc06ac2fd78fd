//! Discovery: the endpoints.

pub(crate) mod body;
pub(crate) mod semantic;
pub(crate) mod skills;

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use self::body::{DiscoverAnswer, DiscoverInput, Discovered};
use self::semantic::body::{SearchAnswer, Searched, SearchedAll, SemanticAnswer};
use self::semantic::question;
use self::semantic::question::body::{SearchInput, SemanticInput};
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

    /// Find agents and MCP servers by meaning and words
    ///
    /// Enabled agents and MCP servers the caller may see, and tools he may call, that fit the question best, best
    /// first over all entity types; tools when they are asked for. The values may stand in the query string, in JSON
    /// or in a form. While the model is not there, words alone are searched: `search_mode` says so.
    #[oai(
        path = "/api/agents/discover/semantic",
        method = "post",
        operation_id = "discoverAgentsSemantic",
        tag = "Tag::Discovery"
    )]
    async fn semantic(&self, caller: Caller, input: Inputs<SemanticInput>) -> Result<Searched, ApiError> {
        let question = question::entities(&input.values)?;
        let found = semantic::search(&self.0, &caller, &question).await?;
        Ok(Searched::Entities(Json(SemanticAnswer::new(question, found, &self.0.public_url))))
    }

    /// Find MCP servers, tools and agents by meaning and words
    ///
    /// Enabled MCP servers and agents the caller may see, and tools he may call, that fit the question best: a list
    /// of each, best first. The values may stand in the query string, in JSON or in a form. While the model is not
    /// there, words alone are searched: `search_mode` says so.
    #[oai(
        path = "/api/search/semantic",
        method = "post",
        operation_id = "searchSemantic",
        tag = "Tag::Discovery"
    )]
    async fn search(&self, caller: Caller, input: Inputs<SearchInput>) -> Result<SearchedAll, ApiError> {
        let question = question::everything(&input.values)?;
        let found = semantic::by_kind(&self.0, &caller, &question).await?;
        Ok(SearchedAll::Found(Json(SearchAnswer::new(question, found))))
    }
}
