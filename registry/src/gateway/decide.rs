//! Message by message: may this caller ask this server for that?

use std::sync::Arc;

use catalog::{Entry, EntryPath, ServerEntry};
use url::Url;

use super::error::{Denial, GatewayError};
use super::request::{Asked, Call, INITIALIZE, Message, TOOLS_CALL};
use crate::App;
use crate::identity::Caller;

/// The longest name that is repeated, in characters: names are the caller's to make up.
const LONGEST: usize = 200;

/// Decides all messages, and records what is refused and which tools are called. A batch is granted as a
/// whole or not at all. Without a body (a stream, the end of a session) it is what `initialize` is.
///
/// # Errors
/// The first permission that is missing.
pub(super) fn decide(
    app: &App,
    caller: &Caller,
    server: &str,
    asked: Option<&Asked<'_>>,
) -> Result<(), GatewayError> {
    let Some(asked) = asked else {
        return match may_greet(caller, server) {
            true => Ok(()),
            false => Err(refuse(app, caller, denial(server, INITIALIZE, None))),
        };
    };
    let denied =
        |message: &Message<'_>| (!granted(caller, server, message)).then(|| denial_of(server, message));
    let mut refused = asked.messages.iter().filter_map(denied).map(|denial| refuse(app, caller, denial));
    if let Some(first) = refused.next() {
        // Each of them stands in the trail, not only the one that is told first.
        refused.for_each(drop);
        return Err(first);
    }
    for call in asked.calls().filter(|call| call.method == TOOLS_CALL) {
        let denial = denial(server, &call.method, call.tool.as_deref());
        let rule = format!("a scope grants '{TOOLS_CALL}' of this tool");
        app.record(caller, TOOLS_CALL, &resource(&denial), access::Verdict::Allowed.name(), rule);
    }
    Ok(())
}

/// Whether one message is granted.
pub(super) fn granted(caller: &Caller, server: &str, message: &Message<'_>) -> bool {
    match message {
        Message::Call(call) => {
            caller.policy.may_call(&caller.who.scopes, server, &call.method, call.tool.as_deref())
        }
        // What the server asked the client, it asked in a stream that the client may have.
        Message::Answer => may_greet(caller, server),
    }
}

/// What one message lacks.
pub(super) fn denial_of(server: &str, message: &Message<'_>) -> Denial {
    match message {
        Message::Call(Call { method, tool, .. }) => denial(server, method, tool.as_deref()),
        Message::Answer => denial(server, INITIALIZE, None),
    }
}

/// Whether the caller may begin to speak to a server.
pub(super) fn may_greet(caller: &Caller, server: &str) -> bool {
    caller.policy.may_call(&caller.who.scopes, server, INITIALIZE, None)
}

fn denial(server: &str, method: &str, tool: Option<&str>) -> Denial {
    let shown = |text: &str| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    Denial { server: server.to_owned(), method: shown(method), tool: tool.map(shown) }
}

fn refuse(app: &App, caller: &Caller, denial: Denial) -> GatewayError {
    app.record(caller, &denial.method, &resource(&denial), "forbidden", denial.sentence());
    GatewayError::Forbidden(denial)
}

fn resource(denial: &Denial) -> String {
    match &denial.tool {
        Some(tool) => format!("{}/{tool}", denial.server),
        None => denial.server.clone(),
    }
}

/// What a caller is shown of a server's tools, also while a stream lasts.
pub(super) struct Sight {
    app: Arc<App>,
    caller: Caller,
    path: EntryPath,
    upstream: Url,
    /// Whether he asked for nothing but to be told: then he must be one who may begin to.
    listening: bool,
}

impl Sight {
    pub(super) fn new(app: &Arc<App>, caller: &Caller, entry: &ServerEntry, listening: bool) -> Sight {
        let (path, upstream) = (entry.path.clone(), entry.upstream.clone());
        Sight { app: app.clone(), caller: caller.clone(), path, upstream, listening }
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening
    }

    /// Takes up the policy in force: what is shown next is decided by it. Whether he may still be told anything.
    pub(super) fn renew(&mut self) -> bool {
        self.caller.renew(self.app.policy.current());
        !self.listening || may_greet(&self.caller, self.server())
    }

    /// Whether a stream may go on: the server is the one that was asked, enabled, and the caller may still speak
    /// to it. Whether his token still counts, he is asked when he comes again.
    pub(super) fn still_holds(&mut self) -> bool {
        let servers = self.app.servers.catalogue();
        let here = servers.get(&self.path).filter(|entry| entry.enabled && entry.upstream == self.upstream);
        here.is_some() && self.renew()
    }

    fn server(&self) -> &str {
        <ServerEntry as Entry>::policy_name(&self.path)
    }

    /// Whether a tool may be called.
    pub(super) fn may_call(&self, tool: &str) -> bool {
        self.caller.policy.may_call(&self.caller.who.scopes, self.server(), TOOLS_CALL, Some(tool))
    }
}
