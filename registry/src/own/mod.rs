//! The registry itself as an MCP server, at `/mcp/registry`: a model finds agents and tools, and reads cards.
//!
//! The gateway has read the message and decided that it may be sent (server `registry`); here it is answered, by
//! the use cases of the API and with the same permissions. There are no sessions: each request stands alone.

mod call;
mod offer;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;
use tracing::Instrument as _;

use self::offer::Offer;
use crate::App;
use crate::identity::Caller;

/// An answer, as the gateway hands it on.
pub(crate) type Answer = Response<BoxBody<Bytes, io::Error>>;
/// An answer, as the library makes it.
type Answered = Response<BoxBody<Bytes, Infallible>>;

/// What a model is told of this server.
const INSTRUCTIONS: &str = "This registry knows the agents and the MCP servers of the organisation. Describe what is to \
    be done with find_agents or find_tools, in words; read an agent's whole card, with how to reach and to \
    authenticate with it, with get_agent. You see only what the caller may see.";

/// Headers of a message that say something about it. No other header is passed on.
const PASSED_ON: [&str; 3] = ["mcp-protocol-version", "mcp-method", "mcp-name"];
const PARAMETERS: &str = "mcp-param-";

/// Answers one message: what the gateway has decided that this caller may send.
pub(crate) async fn call(app: &Arc<App>, caller: &Caller, headers: &HeaderMap, body: Bytes) -> Answer {
    let own = Own { app: app.clone(), caller: Arc::new(caller.clone()) };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        // Both belong to the gateway, which has read the body, and asked who is calling.
        .with_max_request_body_bytes(body.len())
        .disable_allowed_hosts();
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(own.clone()), sessions, config);
    in_form(service.handle(message(headers, body)).await)
        .await
        .map(|body| body.map_err(|never| match never {}).boxed())
}

/// The message alone. What is answered is JSON, so that a caller who has not thought of naming both media types
/// of the protocol is answered, too.
fn message(given: &HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    let mut message = Request::new(Full::new(body));
    *message.method_mut() = Method::POST;
    let headers = message.headers_mut();
    for (name, value) in given {
        if PASSED_ON.contains(&name.as_str()) || name.as_str().starts_with(PARAMETERS) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(header::HOST, HeaderValue::from_static(catalog::OWN_SERVER));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    message
}

/// Refusals that the library makes in plain text leave as JSON-RPC, like every other one.
async fn in_form(response: Answered) -> Answered {
    let status = response.status();
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let Ok(text) = response.into_body().collect().await;
    refusal(status, &String::from_utf8_lossy(&text.to_bytes()))
}

fn refusal(status: StatusCode, message: &str) -> Answered {
    /// JSON-RPC's "Invalid Request".
    const INVALID: i32 = -32600;
    let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": INVALID, "message": message}});
    let mut refusal = Response::new(Full::new(Bytes::from(body.to_string())).boxed());
    *refusal.status_mut() = status;
    refusal.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    refusal
}

/// The server, for one request.
#[derive(Clone)]
struct Own {
    app: Arc<App>,
    caller: Arc<Caller>,
}

impl Own {
    /// The tools that the caller may call: he is shown no other, and no other is called.
    fn offers(&self) -> impl Iterator<Item = Offer> {
        let calls = self.caller.policy.calls(&self.caller.who.scopes, catalog::OWN_SERVER);
        Offer::ALL.into_iter().filter(move |offer| calls.may("tools/call", Some(offer.name())))
    }
}

impl ServerHandler for Own {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new(catalog::OWN_SERVER, env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(server.with_title("Agent registry"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.offers().map(Offer::tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(offer) = self.offers().find(|offer| offer.name() == request.name) else {
            return Err(ErrorData::invalid_params("this server has no such tool, or none for you", None));
        };
        let arguments = request.arguments.unwrap_or_default();
        // The library answers in a task of its own.
        let span = tracing::info_span!("request", id = self.caller.request_id);
        let answered = call::answer(&self.app, &self.caller, offer, &arguments).instrument(span);
        tokio::select! {
            answer = answered => Ok(answer.into()),
            () = context.ct.cancelled() => Err(ErrorData::internal_error("the caller has left", None)),
        }
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.offers().find(|offer| offer.name() == name).map(Offer::tool)
    }
}
