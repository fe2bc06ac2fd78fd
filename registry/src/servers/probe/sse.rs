//! The oldest transport: answers come in one stream, and messages go where the stream says.

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use url::Url;

use super::Told;
use super::fault::Fault;
use super::http::introduced;
use super::line::{Line, Reading, succeeded};
use super::message::{self, OLDER};
use super::paging::Pages;

/// Asks for the tools.
pub(super) async fn ask(line: &Line<'_>, url: &Url) -> Result<Told, Fault> {
    let stream = line.send(Method::GET, url, &[], "text/event-stream", Bytes::new()).await?;
    let mut stream = line.read(succeeded(stream)?)?;
    let messages = stream.event(|event| (event.kind == "endpoint").then(|| url.join(&event.data))).await?;
    // Another origin would be sent what this server is trusted with.
    let messages = messages.ok().filter(|messages| messages.origin() == url.origin());
    let messages = messages.ok_or_else(|| Fault::broken("it sends its messages elsewhere"))?;
    let about = asked(line, &mut stream, &messages, 1, &message::initialize(1)).await?;
    line.post(&messages, &[], &message::initialized()).await?;
    let version = about.get("protocolVersion").and_then(Value::as_str).unwrap_or(OLDER);
    let mut told = introduced(about.get("serverInfo"), version);
    let (mut pages, mut id) = (Pages::default(), 1);
    loop {
        id += 1;
        let page = message::older(id, "tools/list", pages.params());
        let page = asked(line, &mut stream, &messages, id, &page).await;
        if let Some(tools) = pages.take(page)? {
            told.tools = tools;
            return Ok(told);
        }
    }
}

async fn asked(
    line: &Line<'_>,
    stream: &mut Reading<'_>,
    messages: &Url,
    id: u64,
    message: &Value,
) -> Result<Value, Fault> {
    line.post(messages, &[], message).await?;
    stream
        .event(
            |event| if event.kind == "message" { message::result(event.data.as_bytes(), id) } else { None },
        )
        .await?
}
