//! Streamable HTTP: the newer era is tried first, as the clients do, since it leaves no session behind.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};
use url::Url;

use super::Told;
use super::fault::Fault;
use super::line::Line;
use super::message::{self, NEWER, OLDER, word};
use super::paging::Pages;

const VERSION: &str = "mcp-protocol-version";
const SESSION: &str = "mcp-session-id";
const METHOD: &str = "mcp-method";
/// How long the end of a session is waited for: the tools are known by then.
const FAREWELL: Duration = Duration::from_secs(1);

/// Asks for the tools in the era that the server knows.
pub(super) async fn ask(line: &Line<'_>, url: &Url) -> Result<Told, Fault> {
    match discover(line, url).await {
        Ok(told) => newer(line, url, told).await,
        Err(fault) if fault.is_another_era() => older(line, url).await,
        Err(fault) => Err(fault),
    }
}

async fn discover(line: &Line<'_>, url: &Url) -> Result<Told, Fault> {
    const DISCOVER: &str = "server/discover";
    let headers = [(VERSION, NEWER), (METHOD, DISCOVER)];
    let (about, _) = line.ask(url, &headers, 1, &message::newer(1, DISCOVER, Map::new())).await?;
    let speaks = |versions: &Vec<Value>| versions.iter().any(|version| version == NEWER);
    if about.get("supportedVersions").and_then(Value::as_array).is_some_and(|versions| !speaks(versions)) {
        return Err(Fault::refused(0, "it does not speak this revision"));
    }
    let server =
        about.get("serverInfo").or_else(|| about.get("_meta")?.get("io.modelcontextprotocol/serverInfo"));
    Ok(introduced(server, NEWER))
}

async fn newer(line: &Line<'_>, url: &Url, mut told: Told) -> Result<Told, Fault> {
    const LIST: &str = "tools/list";
    let (mut pages, mut id) = (Pages::default(), 1);
    loop {
        id += 1;
        let page = message::newer(id, LIST, pages.params());
        let page = line.ask(url, &[(VERSION, NEWER), (METHOD, LIST)], id, &page).await;
        if let Some(tools) = pages.take(page.map(|(page, _)| page))? {
            told.tools = tools;
            return Ok(told);
        }
    }
}

async fn older(line: &Line<'_>, url: &Url) -> Result<Told, Fault> {
    let (about, session) = line.ask(url, &[], 1, &message::initialize(1)).await?;
    let version = about.get("protocolVersion").and_then(Value::as_str).unwrap_or(OLDER).to_owned();
    let mut headers = vec![(VERSION, &*version)];
    headers.extend(session.as_deref().map(|session| (SESSION, session)));
    let told = listed(line, url, &headers, introduced(about.get("serverInfo"), &version)).await;
    if session.is_some() {
        // Sessions take room on the server; one that cannot be ended ends by itself.
        let ended = line.send(Method::DELETE, url, &headers, "*/*", Bytes::new());
        let _ = tokio::time::timeout(FAREWELL, ended).await;
    }
    told
}

async fn listed(
    line: &Line<'_>,
    url: &Url,
    headers: &[(&'static str, &str)],
    mut told: Told,
) -> Result<Told, Fault> {
    line.post(url, headers, &message::initialized()).await?;
    let (mut pages, mut id) = (Pages::default(), 1);
    loop {
        id += 1;
        let page = line.ask(url, headers, id, &message::older(id, "tools/list", pages.params())).await;
        if let Some(tools) = pages.take(page.map(|(page, _)| page))? {
            told.tools = tools;
            return Ok(told);
        }
    }
}

/// What a server says of itself.
pub(super) fn introduced(server: Option<&Value>, protocol: &str) -> Told {
    let of = |field: &str| word(server.and_then(|server| server.get(field)));
    let protocol = protocol.chars().filter(|c| !c.is_control()).take(32).collect();
    Told { name: of("name"), version: of("version"), protocol, tools: Vec::new() }
}
