//! The wire types of servers.

use catalog::{EntryPath, Faults, ServerEntry};
use poem_openapi::{ApiResponse, Object, payload::Json};

use super::card::{ServerCard, ServerTools};
use super::health::Checked;
use super::read::{Filter, Page};
use super::shown;
use crate::App;
use crate::agents::{AgentChange, cursor_path};
use crate::app::instant;
use crate::body::{MAX_PAGE, Nullable, page_size};
use crate::error::ApiError;
use crate::history::History;
use crate::identity::Caller;

/// A server in a list.
#[derive(Object)]
pub(super) struct ServerSummary {
    server_name: String,
    description: String,
    path: String,
    proxy_pass_url: String,
    tags: Vec<String>,
    /// How many of its tools the caller may call.
    num_tools: u32,
    license: String,
    is_enabled: bool,
    /// streamable-http, sse.
    supported_transports: Vec<String>,
    /// unknown, healthy, unhealthy or disabled.
    health_status: String,
    /// When it was asked last, RFC 3339, UTC.
    last_checked_iso: Nullable<String>,
    /// RFC 3339, UTC.
    registered_at: String,
}

impl ServerSummary {
    pub(super) fn new(app: &App, caller: &Caller, server: &ServerEntry) -> ServerSummary {
        let (state, checked) = app.health.of(server);
        ServerSummary {
            server_name: server.name.clone(),
            description: server.description.clone(),
            path: server.path.to_string(),
            proxy_pass_url: server.upstream.to_string(),
            tags: server.tags.clone(),
            num_tools: shown::num_tools(caller, server),
            license: server.license.clone(),
            is_enabled: server.enabled,
            supported_transports: server.transports.iter().map(|one| one.name().to_owned()).collect(),
            health_status: state.name().to_owned(),
            last_checked_iso: Nullable(checked.map(|checked| instant(checked.at))),
            registered_at: server.registered_at.clone(),
        }
    }
}

/// The answer to a registration.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ServerRegistered {
    /// `Server registered successfully`.
    message: String,
    /// Where the server lives.
    path: String,
    server: ServerSummary,
    /// What went wrong with reading its tools; it is registered all the same.
    warnings: Option<Vec<String>>,
}

impl ServerRegistered {
    pub(super) fn new(server: ServerSummary, warning: Option<String>) -> ServerRegistered {
        ServerRegistered {
            message: "Server registered successfully".to_owned(),
            path: server.path.clone(),
            server,
            warnings: warning.map(|warning| vec![warning]),
        }
    }
}

/// One page of servers.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ServerList {
    servers: Vec<ServerSummary>,
    /// How many servers the caller sees under this filter, on all pages.
    total_count: u32,
    /// Send it as `cursor` for the next page; absent on the last one.
    next_cursor: Option<String>,
}

impl ServerList {
    pub(super) fn new(app: &App, caller: &Caller, page: &Page) -> ServerList {
        ServerList {
            servers: page.servers.iter().map(|server| ServerSummary::new(app, caller, server)).collect(),
            total_count: u32::try_from(page.total).unwrap_or(u32::MAX),
            next_cursor: page.next.as_ref().map(EntryPath::to_string),
        }
    }
}

/// The answer to a toggle.
#[derive(Object)]
pub(super) struct ServerToggled {
    /// What was done, for people.
    message: String,
    path: String,
    is_enabled: bool,
    server: ServerSummary,
}

impl ServerToggled {
    pub(super) fn new(server: ServerSummary) -> ServerToggled {
        let done = if server.is_enabled { "enabled" } else { "disabled" };
        ServerToggled {
            message: format!("Server {done} successfully"),
            path: server.path.clone(),
            is_enabled: server.is_enabled,
            server,
        }
    }
}

/// What came of asking a server now.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ServerHealth {
    server_name: String,
    path: String,
    /// healthy or unhealthy.
    health_status: String,
    /// Why it is unhealthy.
    reason: Option<String>,
    /// Now, RFC 3339, UTC.
    last_checked_iso: String,
    /// How many of its tools the caller may call.
    num_tools: u32,
}

impl ServerHealth {
    pub(super) fn new(caller: &Caller, server: &ServerEntry, checked: Checked) -> ServerHealth {
        ServerHealth {
            server_name: server.name.clone(),
            path: server.path.to_string(),
            health_status: checked.state().name().to_owned(),
            last_checked_iso: instant(checked.at),
            reason: checked.reason,
            num_tools: shown::num_tools(caller, server),
        }
    }
}

/// What has happened to a server.
#[derive(Object)]
pub(super) struct ServerHistory {
    path: String,
    /// The latest first.
    changes: Vec<AgentChange>,
    /// How many are remembered in all; the oldest are forgotten in time.
    total_count: u32,
}

impl ServerHistory {
    pub(super) fn new(path: &EntryPath, history: &History) -> ServerHistory {
        ServerHistory {
            path: path.to_string(),
            changes: history.changes.iter().map(|change| AgentChange::new(change)).collect(),
            total_count: u32::try_from(history.total).unwrap_or(u32::MAX),
        }
    }
}

/// How a registration is answered.
#[derive(ApiResponse)]
pub(super) enum RegisterAnswer {
    /// Registered; disabled until it is toggled.
    #[oai(status = 201)]
    Created(
        Json<ServerRegistered>,
        /// The server's address in this API.
        #[oai(header = "Location")]
        String,
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
}

/// How a read is answered.
#[derive(ApiResponse)]
pub(super) enum CardAnswer {
    /// The whole card, with the tools that the caller may call.
    #[oai(status = 200)]
    Card(
        ServerCard,
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
    /// The caller has this card already (`If-None-Match`).
    #[oai(status = 304)]
    NotModified(
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
}

/// How a change is answered.
#[derive(ApiResponse)]
pub(super) enum ChangedAnswer {
    /// The card as it is now.
    #[oai(status = 200)]
    Card(
        ServerCard,
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
}

/// How a list is answered.
#[derive(ApiResponse)]
pub(super) enum ListAnswer {
    /// The servers the caller sees.
    #[oai(status = 200)]
    Servers(Json<ServerList>),
}

/// How a toggle is answered.
#[derive(ApiResponse)]
pub(super) enum ToggleAnswer {
    /// The server as it is now.
    #[oai(status = 200)]
    Toggled(
        Json<ServerToggled>,
        /// The strong entity tag of the card.
        #[oai(header = "ETag")]
        String,
    ),
}

/// How the question for tools is answered.
#[derive(ApiResponse)]
pub(super) enum ToolsAnswer {
    /// The tools that the caller may call.
    #[oai(status = 200)]
    Tools(ServerTools),
}

/// How a check is answered.
#[derive(ApiResponse)]
pub(super) enum HealthAnswer {
    /// How the server is, whether it is well or not.
    #[oai(status = 200)]
    Checked(Json<ServerHealth>),
}

/// How a history is answered.
#[derive(ApiResponse)]
pub(super) enum HistoryAnswer {
    /// What has happened, as far as it is remembered.
    #[oai(status = 200)]
    History(Json<ServerHistory>),
}

/// Reads the filter of a list.
pub(super) fn filter(
    query: Option<String>,
    enabled_only: bool,
    tag: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
) -> Result<Filter, ApiError> {
    let mut faults = Faults::default();
    let cursor = cursor_path(cursor, &mut faults);
    let limit = page_size(limit, MAX_PAGE, &mut faults);
    let query = query.filter(|query| !query.is_empty());
    Ok(faults.or(Filter { query, enabled_only, tag, cursor, limit })?)
}
