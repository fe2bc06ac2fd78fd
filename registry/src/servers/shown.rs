//! A server as its caller sees it: without secrets, with the tools that he may call, and with how it is now.

use aws_lc_rs::digest::{SHA256, digest};
use catalog::{Entry, ServerEntry};
use serde_json::{Map, Value, json};

use crate::App;
use crate::app::instant;
use crate::identity::Caller;

/// The card of a server for one caller, at one moment.
pub(super) struct Shown {
    /// As JSON.
    pub(super) json: String,
    /// `"kept.shown"`: the tag of what is kept, on which a change may be conditional, and one of what this
    /// caller is shown, so that he is never told that nothing has changed when he would see something else.
    pub(super) etag: String,
}

/// The names of the tools of a server that a caller may call.
pub(super) fn callable<'c>(caller: &'c Caller, server: &ServerEntry) -> impl Fn(&str) -> bool + use<'c> {
    let calls = caller.policy.calls(&caller.who.scopes, server.policy_name());
    move |tool| calls.may("tools/call", Some(tool))
}

/// How many of a server's tools a caller may call.
pub(super) fn num_tools(caller: &Caller, server: &ServerEntry) -> u32 {
    let callable = callable(caller, server);
    let count = server.tools.iter().filter(|tool| callable(&tool.name)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The whole card.
pub(super) fn card(app: &App, caller: &Caller, server: &ServerEntry) -> Shown {
    let mut card = server.shown(callable(caller, server));
    let (state, checked) = app.health.of(server);
    card.insert("health_status".to_owned(), json!(state.name()));
    card.insert("last_checked_iso".to_owned(), json!(checked.map(|checked| instant(checked.at))));
    let json = Value::Object(card).to_string();
    let seen = digest(&SHA256, json.as_bytes());
    let seen: String = seen.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{}.{seen}\"", server.etag().trim_matches('"'));
    Shown { json, etag }
}

/// The tools alone, each exactly as the server told it.
pub(super) fn tools(caller: &Caller, server: &ServerEntry) -> String {
    let card = server.shown(callable(caller, server));
    let tools = card.get("tool_list").cloned().unwrap_or_default();
    let list = Map::from_iter([
        ("server_name".to_owned(), json!(server.name)),
        ("path".to_owned(), json!(server.path.as_str())),
        ("total_count".to_owned(), json!(tools.as_array().map_or(0, Vec::len))),
        ("tools".to_owned(), tools),
    ]);
    Value::Object(list).to_string()
}
