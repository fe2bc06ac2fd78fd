//! MCP servers: the endpoints. Each reads its input, calls one use case and shapes the answer.

mod author;
mod body;
mod card;
mod check;
mod health;
mod history;
mod place;
mod probe;
mod read;
mod register;
mod remove;
mod schedule;
mod secrets;
mod shown;
mod toggle;
mod update;

use std::sync::Arc;

use catalog::{EntryPath, ServerEntry};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use self::body::{
    CardAnswer, ChangedAnswer, HealthAnswer, HistoryAnswer, ListAnswer, RegisterAnswer, ServerHealth,
    ServerHistory, ServerList, ServerRegistered, ServerSummary, ServerToggled, ToggleAnswer, ToolsAnswer,
};
use self::card::{ServerCard, ServerCardChange, ServerTools};
pub use self::health::{Chance, Checked, Health, Patience, State};
pub use self::schedule::keep_asking;
pub use self::secrets::seal_headers;
use self::shown::Shown;
use self::update::Change;
use crate::agents::{RemoveAnswer, Tag, ToggleInput, entry_path, history_wish};
use crate::body::{Flag, Inputs, Lines, Submitted, SubmittedOrForm};
use crate::conditions::IfMatch;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::{App, conditions};

/// The operations on servers.
pub(crate) struct Servers(pub(crate) Arc<App>);

#[OpenApi]
impl Servers {
    /// Register an MCP server
    ///
    /// Keeps the card, reads the server's tools and answers 201; a server that cannot be asked is registered
    /// all the same, and `warnings` says why. New servers are disabled: toggle them to be used through the
    /// gateway. Needs `register_service` on the name. `/api/servers/register` is the same, and a form is read
    /// as well.
    #[oai(path = "/api/servers", method = "post", operation_id = "registerServer", tag = "Tag::Servers")]
    async fn register(
        &self,
        caller: Caller,
        card: SubmittedOrForm<ServerCard>,
    ) -> Result<RegisterAnswer, ApiError> {
        let (server, warning) = register::register(&self.0, &caller, card.object).await?;
        let location = format!("/api/servers/{}", server.path.as_segment());
        let answer = ServerRegistered::new(ServerSummary::new(&self.0, &caller, &server), warning);
        Ok(RegisterAnswer::Created(Json(answer), location, self.shown(&caller, &server).etag))
    }

    /// List MCP servers
    ///
    /// The servers the caller may see, in the order of their paths. An unknown group sees an empty list.
    #[oai(path = "/api/servers", method = "get", operation_id = "listServers", tag = "Tag::Servers")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of a name, description, tag or the name of a tool; case does not matter.
        query: Query<Option<String>>,
        /// Leave out disabled servers.
        enabled_only: Query<Option<Flag>>,
        /// One tag a server must carry.
        tag: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// At most this many on a page, 1 to 1000.
        limit: Query<Option<u32>>,
    ) -> Result<ListAnswer, ApiError> {
        let enabled_only = enabled_only.0.is_some_and(|flag| flag.0);
        let filter = body::filter(query.0, enabled_only, tag.0, cursor.0, limit.0)?;
        let page = read::list(&self.0, &caller, &filter)?;
        Ok(ListAnswer::Servers(Json(ServerList::new(&self.0, &caller, &page))))
    }

    /// Read an MCP server's card
    ///
    /// The whole card, with the tools that the caller may call, and without what the server is called with.
    /// Needs `list_service` on the name.
    #[oai(path = "/api/servers/:path", method = "get", operation_id = "getServer", tag = "Tag::Servers")]
    async fn get(
        &self,
        caller: Caller,
        /// The server's path without its leading slash.
        path: Path<String>,
        /// Tags the caller has already; 304 when one is current.
        #[oai(name = "If-None-Match")]
        if_none_match: Lines,
    ) -> Result<CardAnswer, ApiError> {
        let server = read::get(&self.0, &caller, &entry_path(&path.0)?)?;
        let Shown { json, etag } = self.shown(&caller, &server);
        if conditions::not_modified(if_none_match.0.as_deref(), &etag) {
            return Ok(CardAnswer::NotModified(etag));
        }
        Ok(CardAnswer::Card(ServerCard(json), etag))
    }

    /// Update an MCP server's card
    ///
    /// Fields that are left out stay as they are. Needs `modify_service` on the name, and `toggle_service` to
    /// change `is_enabled`.
    #[oai(path = "/api/servers/:path", method = "put", operation_id = "updateServer", tag = "Tag::Servers")]
    async fn put(
        &self,
        caller: Caller,
        /// The server's path without its leading slash.
        path: Path<String>,
        /// The tag the change was made from; 412 when the card has another by now.
        #[oai(name = "If-Match")]
        if_match: Lines,
        card: Submitted<ServerCardChange>,
    ) -> Result<ChangedAnswer, ApiError> {
        self.change(&caller, &path.0, Change::Replace, &if_match, card).await
    }

    /// Change parts of an MCP server's card
    ///
    /// A JSON merge patch (RFC 7396): `null` removes a field, or a header. Needs `modify_service` on the name,
    /// and `toggle_service` to change `is_enabled`.
    #[oai(path = "/api/servers/:path", method = "patch", operation_id = "patchServer", tag = "Tag::Servers")]
    async fn patch(
        &self,
        caller: Caller,
        /// The server's path without its leading slash.
        path: Path<String>,
        /// The tag the change was made from; 412 when the card has another by now.
        #[oai(name = "If-Match")]
        if_match: Lines,
        card: Submitted<ServerCardChange>,
    ) -> Result<ChangedAnswer, ApiError> {
        self.change(&caller, &path.0, Change::Patch, &if_match, card).await
    }

    /// Remove an MCP server
    ///
    /// Needs `modify_service` on the name.
    #[oai(
        path = "/api/servers/:path",
        method = "delete",
        operation_id = "deleteServer",
        tag = "Tag::Servers"
    )]
    async fn delete(
        &self,
        caller: Caller,
        /// The server's path without its leading slash.
        path: Path<String>,
        /// The tag of the card that is to go; 412 when it has another by now.
        #[oai(name = "If-Match")]
        if_match: Lines,
    ) -> Result<RemoveAnswer, ApiError> {
        let if_match = IfMatch::read(if_match.0.as_deref())?.of_kept();
        remove::remove(&self.0, &caller, &entry_path(&path.0)?, &if_match).await?;
        Ok(RemoveAnswer::Gone)
    }

    /// Enable or disable an MCP server
    ///
    /// The gateway and discovery know enabled servers only. `enabled` may stand in the query string, in a JSON
    /// body or in a form. Needs `toggle_service` on the name.
    #[oai(
        path = "/api/servers/:path/toggle",
        method = "post",
        operation_id = "toggleServer",
        tag = "Tag::Servers"
    )]
    async fn toggle(
        &self,
        caller: Caller,
        /// The server's path without its leading slash.
        path: Path<String>,
        /// Whether the gateway is to know the server; required here or in the body.
        #[oai(name = "enabled")]
        _enabled: Query<Option<Flag>>,
        /// The tag the wish was made from; 412 when the card has another by now.
        #[oai(name = "If-Match")]
        if_match: Lines,
        input: Inputs<ToggleInput>,
    ) -> Result<ToggleAnswer, ApiError> {
        let path = entry_path(&path.0)?;
        let enabled = ToggleInput::read(&input.values)?;
        let if_match = IfMatch::read(if_match.0.as_deref())?.of_kept();
        let server = toggle::toggle(&self.0, &caller, &path, enabled, &if_match).await?;
        let answer = ServerToggled::new(ServerSummary::new(&self.0, &caller, &server));
        Ok(ToggleAnswer::Toggled(Json(answer), self.shown(&caller, &server).etag))
    }

    /// List an MCP server's tools
    ///
    /// Those that the caller may call, each exactly as the server told it. Needs `list_service` on the name.
    #[oai(
        path = "/api/servers/:path/tools",
        method = "get",
        operation_id = "listServerTools",
        tag = "Tag::Servers"
    )]
    async fn tools(
        &self,
        caller: Caller,
        /// The server's path without its leading slash.
        path: Path<String>,
    ) -> Result<ToolsAnswer, ApiError> {
        let server = read::get(&self.0, &caller, &entry_path(&path.0)?)?;
        Ok(ToolsAnswer::Tools(ServerTools(shown::tools(&caller, &server))))
    }

    /// Check an MCP server
    ///
    /// Asks it now for its tools, and keeps them if they are others. 200 also when it is not well: then
    /// `health_status` is `unhealthy` and `reason` says why. Needs `health_check_service` on the name.
    #[oai(
        path = "/api/servers/:path/health",
        method = "post",
        operation_id = "checkServer",
        tag = "Tag::Servers"
    )]
    async fn check(
        &self,
        caller: Caller,
        /// The server's path without its leading slash.
        path: Path<String>,
    ) -> Result<HealthAnswer, ApiError> {
        let (checked, server) = check::on_demand(&self.0, &caller, &entry_path(&path.0)?).await?;
        Ok(HealthAnswer::Checked(Json(ServerHealth::new(&caller, &server, checked))))
    }

    /// Read what has happened to an MCP server
    ///
    /// Who changed it, when and what, the latest first; also of a server that has been removed. Its tools are
    /// kept up to date by `registry`. Needs `list_service` on the name.
    #[oai(
        path = "/api/servers/:path/history",
        method = "get",
        operation_id = "getServerHistory",
        tag = "Tag::Changes"
    )]
    async fn history(
        &self,
        caller: Caller,
        /// The server's path without its leading slash.
        path: Path<String>,
        /// Only changes before the one with this number.
        before: Query<Option<u64>>,
        /// At most this many, 1 to 1000; 50 unless said otherwise.
        limit: Query<Option<u32>>,
    ) -> Result<HistoryAnswer, ApiError> {
        let (path, wish) = (entry_path(&path.0)?, history_wish(before.0, limit.0)?);
        let history = history::history(&self.0, &caller, &path, wish)?;
        Ok(HistoryAnswer::History(Json(ServerHistory::new(&path, &history))))
    }
}

impl Servers {
    fn shown(&self, caller: &Caller, server: &ServerEntry) -> Shown {
        shown::card(&self.0, caller, server)
    }

    async fn change(
        &self,
        caller: &Caller,
        path: &str,
        change: Change,
        if_match: &Lines,
        card: Submitted<ServerCardChange>,
    ) -> Result<ChangedAnswer, ApiError> {
        let path = entry_path(path)?;
        let if_match = IfMatch::read(if_match.0.as_deref())?.of_kept();
        let server = update::update(&self.0, caller, &path, change, &if_match, &card.object).await?;
        let Shown { json, etag } = self.shown(caller, &server);
        Ok(ChangedAnswer::Card(ServerCard(json), etag))
    }
}

/// What every write ends with: search is to know of it.
async fn follow(app: &App, path: &EntryPath) {
    app.index.follow_server(path).await;
}
