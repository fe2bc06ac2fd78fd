//! A conversation with an MCP server through the gateway: `initialize`, what is to be asked, and a good-bye.
//!
//! MCP 2025-06-18, streamable HTTP. Later versions let a server end a stream in the middle and be asked for the
//! rest, or know no sessions at all; who does one call needs neither, and every server speaks this one.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::events::Events;
use crate::gateway::{Session, refusal};
use crate::http::{Answer, Method, Request};
use crate::outcome::{Exit, Failure, line};
use crate::plain::plain;

/// What we ask for.
const VERSION: &str = "2025-06-18";
/// What we can speak, if a server chooses.
const SPOKEN: [&str; 3] = ["2024-11-05", "2025-03-26", VERSION];
/// Nobody waits long for a good-bye.
const PATIENCE_TO_LEAVE: Duration = Duration::from_secs(5);

/// A conversation that was opened.
pub(super) struct Conversation<'s> {
    session: &'s Session<'s>,
    target: String,
    patience: Duration,
    /// The server's name of the conversation, if it has one.
    id: Option<String>,
    /// The version that the server chose.
    version: Option<String>,
    asked: u64,
}

/// An answer of JSON-RPC.
pub(super) struct Message {
    pub(super) id: Value,
    /// The whole of it.
    pub(super) body: String,
    outcome: Result<Box<RawValue>, Fault>,
}

#[derive(Deserialize)]
struct Fault {
    code: i64,
    message: String,
}

impl Message {
    /// Reads one; what is no answer is none.
    pub(super) fn read(text: &str) -> Option<Message> {
        #[derive(Deserialize)]
        struct Parts {
            id: Value,
            method: Option<Value>,
            result: Option<Box<RawValue>>,
            error: Option<Fault>,
        }
        let parts: Parts = serde_json::from_str(text).ok()?;
        let outcome = match (parts.method, parts.result, parts.error) {
            (None, Some(result), None) => Ok(result),
            (None, None, Some(fault)) => Err(fault),
            (_, _, _) => return None,
        };
        Some(Message { id: parts.id, body: text.to_owned(), outcome })
    }
}

impl<'s> Conversation<'s> {
    /// Opens one with the server of this name.
    ///
    /// # Errors
    /// As for [`Conversation::ask`].
    pub(super) fn open(
        session: &'s Session<'s>,
        name: &str,
        patience: Duration,
    ) -> Result<Conversation<'s>, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Initialized {
            protocol_version: String,
        }
        let target = format!("/mcp/{name}");
        let mut conversation = Conversation { session, target, patience, id: None, version: None, asked: 0 };
        let client = json!({"name": "agentctl", "version": env!("CARGO_PKG_VERSION")});
        let wish = json!({"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client});
        let greeting = conversation.ask("initialize", &wish)?;
        let greeted = || {
            let Initialized { protocol_version: version } =
                serde_json::from_str(greeting.get()).map_err(|_| no_mcp(name))?;
            if !SPOKEN.contains(&&*version) {
                let version = plain(&version);
                let line = format!("{name} speaks MCP {version}, this agentctl {VERSION} and older");
                return Err(Failure::new(Exit::Refused, line));
            }
            Ok(version)
        };
        match greeted().and_then(|version| {
            conversation.version = Some(version);
            conversation.tell("notifications/initialized")
        }) {
            Ok(()) => Ok(conversation),
            Err(failure) => {
                conversation.close();
                Err(failure)
            }
        }
    }

    /// Asks and waits for the result.
    ///
    /// # Errors
    /// [`Exit::Refused`] when the gateway or the server says no, [`Exit::Unreachable`] when nobody answers.
    pub(super) fn ask(&mut self, method: &str, params: &Value) -> Result<Box<RawValue>, Failure> {
        self.asked += 1;
        let question = json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        let mut events = Events::new(self.asked);
        let enough = |answer: &Answer, part: &[u8]| is_stream(answer) && events.take(part);
        let answer = self.session.send_until(self.post(&question), self.silence(method), enough)?;
        if !answer.status.is_success() {
            return Err(refusal(&answer));
        }
        if self.id.is_none() {
            self.id = answer.header("Mcp-Session-Id").map(str::to_owned);
        }
        let message = if is_stream(&answer) { events.answer() } else { Message::read(&answer.body) };
        let ours = Value::from(self.asked);
        let Some(Message { body, outcome, .. }) = message.filter(|message| message.id == ours) else {
            let line = format!("{}: no answer to {method} came ({})", self.target, answer.status);
            return Err(Failure::new(Exit::Refused, line));
        };
        outcome.map_err(|Fault { code, message }| {
            let failure = Failure::new(Exit::Refused, format!("refused ({code}): {}", plain(&message)));
            Failure { body: Some(line(&body)), ..failure }
        })
    }

    /// Says that it is over; a server without conversations does not know what is meant, and nobody who is
    /// leaving needs an answer.
    pub(super) fn close(self) {
        if self.id.is_some() {
            let request = self.with_head(self.session.request(Method::DELETE, &self.target));
            let _ = self.session.http().send(request.patience(PATIENCE_TO_LEAVE));
        }
    }

    fn tell(&self, method: &str) -> Result<(), Failure> {
        let request = self.post(&json!({"jsonrpc": "2.0", "method": method}));
        let answer = self.session.send_until(request, self.silence(method), |_, _| false)?;
        if answer.status.is_success() { Ok(()) } else { Err(refusal(&answer)) }
    }

    fn post(&self, message: &Value) -> Request {
        let request = self.session.request(Method::POST, &self.target).json(message);
        let request = request.header("Accept", "application/json, text/event-stream");
        self.with_head(request.patience(self.patience))
    }

    fn with_head(&self, mut request: Request) -> Request {
        if let Some(id) = &self.id {
            request = request.header("Mcp-Session-Id", id);
        }
        if let Some(version) = &self.version {
            request = request.header("MCP-Protocol-Version", version);
        }
        request
    }

    fn silence(&self, method: &str) -> (String, &'static str) {
        let tried = format!("{}: no answer to {method} by the gateway", self.target);
        (tried, "is it running, is --gateway right? --timeout waits longer")
    }
}

fn no_mcp(name: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{name}: its answer to initialize is none of MCP"))
}

fn is_stream(answer: &Answer) -> bool {
    let kind = answer.header("Content-Type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    answer.status.is_success() && kind.eq_ignore_ascii_case("text/event-stream")
}
