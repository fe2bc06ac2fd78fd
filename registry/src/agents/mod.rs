//! Agents: the endpoints. Each reads its input, calls one use case and shapes the answer.

mod body;
mod card;
mod endpoint;
mod history;
mod publish;
pub(crate) mod read;
mod remove;
mod toggle;
mod update;

use std::sync::Arc;

use catalog::EntryPath;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, Tags};

pub(crate) use self::body::{
    AgentChange, AgentFacts, RemoveAnswer, ToggleInput, cursor_path, history_wish, organization,
};
use self::body::{
    AgentHistory, AgentList, CardAnswer, ChangedAnswer, HistoryAnswer, ListAnswer, RegisterAnswer,
    Registered, ToggleAnswer, Toggled,
};
use self::card::{AgentCard, AgentCardChange};
pub use self::endpoint::EndpointRules;
use self::update::Change;
use crate::body::{Flag, Inputs, Lines, Submitted};
use crate::conditions::IfMatch;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::{App, conditions};

/// Groups of operations in the document.
#[derive(Tags)]
pub(crate) enum Tag {
    /// Registering agents and keeping their cards.
    #[oai(rename = "agents")]
    Agents,
    /// Registering MCP servers, their tools and their health.
    #[oai(rename = "servers")]
    Servers,
    /// Finding agents.
    #[oai(rename = "discovery")]
    Discovery,
    /// Why decisions are what they are, and what another policy would change.
    #[oai(rename = "access")]
    Access,
    /// What has changed, and following it.
    #[oai(rename = "changes")]
    Changes,
    /// How the registry is doing.
    #[oai(rename = "system")]
    System,
}

/// The operations on agents.
pub(crate) struct Agents(pub(crate) Arc<App>);

#[OpenApi]
impl Agents {
    /// Register an agent
    ///
    /// Keeps the card and answers 201. New agents are disabled: toggle them to be found. Needs
    /// `publish_agent` on the path; a card without `path` lives at a slug of its name.
    #[oai(
        path = "/api/agents/register",
        method = "post",
        operation_id = "registerAgent",
        tag = "Tag::Agents"
    )]
    async fn register(
        &self,
        caller: Caller,
        /// Look whether the agent serves its own card at its url; what is wrong comes back in `warnings`.
        verify_endpoint: Query<Option<Flag>>,
        card: Submitted<AgentCard>,
    ) -> Result<RegisterAnswer, ApiError> {
        let entry = publish::publish(&self.0, &caller, card.object).await?;
        let warning = match verify_endpoint.0 {
            Some(Flag(true)) => endpoint::look(&entry.url, self.0.endpoints).await,
            Some(Flag(false)) | None => None,
        };
        let location = format!("/api/agents/{}", entry.path.as_segment());
        let answer = Registered::new(&entry, warning.map(|warning| vec![warning]));
        Ok(RegisterAnswer::Created(Json(answer), location, entry.etag.clone()))
    }

    /// List agents
    ///
    /// The agents the caller may see, in the order of their paths. An unknown group sees an empty list.
    #[oai(path = "/api/agents", method = "get", operation_id = "listAgents", tag = "Tag::Agents")]
    #[expect(clippy::too_many_arguments, reason = "each is one documented parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of a name, description, tag or skill name; case does not matter.
        query: Query<Option<String>>,
        /// Leave out disabled agents.
        enabled_only: Query<Option<Flag>>,
        /// public, private or group-restricted.
        visibility: Query<Option<String>>,
        /// One tag an agent must carry.
        tag: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// At most this many on a page, 1 to 1000.
        limit: Query<Option<u32>>,
    ) -> Result<ListAnswer, ApiError> {
        let enabled_only = enabled_only.0.is_some_and(|flag| flag.0);
        let filter = body::filter(query.0, enabled_only, visibility.0, tag.0, cursor.0, limit.0)?;
        let page = read::list(&self.0, &caller, &filter)?;
        Ok(ListAnswer::Agents(Json(AgentList::new(&page))))
    }

    /// Read an agent's card
    ///
    /// The whole card. Paths with several segments work as `team/reviewer` and as `team%2Freviewer`.
    #[oai(path = "/api/agents/:path", method = "get", operation_id = "getAgent", tag = "Tag::Agents")]
    async fn get(
        &self,
        caller: Caller,
        /// The agent's path without its leading slash.
        path: Path<String>,
        /// Tags the caller has already; 304 when one is current.
        #[oai(name = "If-None-Match")]
        if_none_match: Lines,
    ) -> Result<CardAnswer, ApiError> {
        let entry = read::get(&self.0, &caller, &entry_path(&path.0)?)?;
        if conditions::not_modified(if_none_match.0.as_deref(), &entry.etag) {
            return Ok(CardAnswer::NotModified(entry.etag.clone()));
        }
        Ok(CardAnswer::Card(AgentCard(entry.json().clone()), entry.etag.clone()))
    }

    /// Update an agent's card
    ///
    /// Fields that are left out stay as they are. Needs `modify_agent` on the path.
    #[oai(path = "/api/agents/:path", method = "put", operation_id = "updateAgent", tag = "Tag::Agents")]
    async fn put(
        &self,
        caller: Caller,
        /// The agent's path without its leading slash.
        path: Path<String>,
        /// The tag the change was made from; 412 when the card has another by now.
        #[oai(name = "If-Match")]
        if_match: Lines,
        card: Submitted<AgentCardChange>,
    ) -> Result<ChangedAnswer, ApiError> {
        self.change(&caller, &path.0, Change::Replace, &if_match, card).await
    }

    /// Change parts of an agent's card
    ///
    /// A JSON merge patch (RFC 7396): `null` removes a field. Needs `modify_agent` on the path.
    #[oai(path = "/api/agents/:path", method = "patch", operation_id = "patchAgent", tag = "Tag::Agents")]
    async fn patch(
        &self,
        caller: Caller,
        /// The agent's path without its leading slash.
        path: Path<String>,
        /// The tag the change was made from; 412 when the card has another by now.
        #[oai(name = "If-Match")]
        if_match: Lines,
        card: Submitted<AgentCardChange>,
    ) -> Result<ChangedAnswer, ApiError> {
        self.change(&caller, &path.0, Change::Patch, &if_match, card).await
    }

    /// Remove an agent
    ///
    /// Needs `delete_agent` on the path.
    #[oai(path = "/api/agents/:path", method = "delete", operation_id = "deleteAgent", tag = "Tag::Agents")]
    async fn delete(
        &self,
        caller: Caller,
        /// The agent's path without its leading slash.
        path: Path<String>,
        /// The tag of the card that is to go; 412 when it has another by now.
        #[oai(name = "If-Match")]
        if_match: Lines,
    ) -> Result<RemoveAnswer, ApiError> {
        let if_match = IfMatch::read(if_match.0.as_deref())?;
        remove::remove(&self.0, &caller, &entry_path(&path.0)?, &if_match).await?;
        Ok(RemoveAnswer::Gone)
    }

    /// Enable or disable an agent
    ///
    /// Discovery finds enabled agents only. `enabled` may stand in the query string, in a JSON
    /// body or in a form. Needs `modify_agent` on the path.
    #[oai(
        path = "/api/agents/:path/toggle",
        method = "post",
        operation_id = "toggleAgent",
        tag = "Tag::Agents"
    )]
    async fn toggle(
        &self,
        caller: Caller,
        /// The agent's path without its leading slash.
        path: Path<String>,
        /// Whether discovery is to find the agent; required here or in the body.
        #[oai(name = "enabled")]
        _enabled: Query<Option<Flag>>,
        /// The tag the wish was made from; 412 when the card has another by now.
        #[oai(name = "If-Match")]
        if_match: Lines,
        input: Inputs<ToggleInput>,
    ) -> Result<ToggleAnswer, ApiError> {
        let path = entry_path(&path.0)?;
        let enabled = ToggleInput::read(&input.values)?;
        let if_match = IfMatch::read(if_match.0.as_deref())?;
        let entry = toggle::toggle(&self.0, &caller, &path, enabled, &if_match).await?;
        Ok(ToggleAnswer::Toggled(Json(Toggled::new(&entry)), entry.etag.clone()))
    }

    /// Read what has happened to an agent
    ///
    /// Who changed it, when and what, the latest first; also of an agent that has been removed. Needs
    /// `get_agent` on the path. How much is remembered is the operator's choice.
    #[oai(
        path = "/api/agents/:path/history",
        method = "get",
        operation_id = "getAgentHistory",
        tag = "Tag::Changes"
    )]
    async fn history(
        &self,
        caller: Caller,
        /// The agent's path without its leading slash.
        path: Path<String>,
        /// Only changes before the one with this number.
        before: Query<Option<u64>>,
        /// At most this many, 1 to 1000; 50 unless said otherwise.
        limit: Query<Option<u32>>,
    ) -> Result<HistoryAnswer, ApiError> {
        let (path, wish) = (entry_path(&path.0)?, body::history_wish(before.0, limit.0)?);
        let history = history::history(&self.0, &caller, &path, wish)?;
        Ok(HistoryAnswer::History(Json(AgentHistory::new(&path, &history))))
    }
}

impl Agents {
    async fn change(
        &self,
        caller: &Caller,
        path: &str,
        change: Change,
        if_match: &Lines,
        card: Submitted<AgentCardChange>,
    ) -> Result<ChangedAnswer, ApiError> {
        let path = entry_path(path)?;
        let if_match = IfMatch::read(if_match.0.as_deref())?;
        let entry = update::update(&self.0, caller, &path, change, &if_match, &card.object).await?;
        Ok(ChangedAnswer::Card(AgentCard(entry.json().clone()), entry.etag.clone()))
    }
}

/// The path a URL's segment names; the framework has decoded it.
pub(crate) fn entry_path(segment: &str) -> Result<EntryPath, ApiError> {
    Ok(EntryPath::parse(&format!("/{segment}"))?)
}
