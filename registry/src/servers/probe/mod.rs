//! Reading a server's tools from the server itself, over whatever it speaks.
//!
//! A server is a stranger: what it sends is bounded in bytes, tools and pages, nothing of it is followed
//! anywhere else, and what it says of itself is passed on to people as harmless text.

mod events;
mod fault;
mod http;
mod line;
mod message;
mod paging;
mod sse;

use catalog::{ServerEntry, Transport, read_tools};
use serde_json::Value;

pub(super) use self::fault::Fault;
use self::line::Line;
use crate::App;

/// What a server told of itself.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Its own name.
    pub(super) name: Option<String>,
    /// Its own version.
    pub(super) version: Option<String>,
    /// The revision of the protocol that was spoken.
    pub(super) protocol: String,
    /// Its tools, each as it told it.
    pub(super) tools: Vec<Value>,
}

/// Asks a server for its tools; the one who calls this bounds the time.
pub(super) async fn ask(app: &App, server: &ServerEntry) -> Result<Told, Fault> {
    let credentials = app.keyring.headers(server).map_err(|fault| Fault::Broken(fault.to_string()))?;
    let knows_secrets = !credentials.is_empty();
    let line = Line::new(&app.upstreams, server, credentials);
    let mut first = None;
    for transport in Transport::ALL {
        let Some(url) = server.endpoint(transport) else { continue };
        let told = match transport {
            Transport::StreamableHttp => http::ask(&line, &url).await,
            Transport::Sse => sse::ask(&line, &url).await,
        };
        match told {
            Ok(told) => {
                read_tools(&told.tools).map_err(Fault::Broken)?;
                return Ok(told);
            }
            // What was wrong first is what the operator should hear of.
            Err(fault) => {
                first.get_or_insert(if knows_secrets { fault.without_words() } else { fault });
            }
        }
    }
    Err(first.unwrap_or_else(|| Fault::Broken("it speaks no transport".to_owned())))
}
