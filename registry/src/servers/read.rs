//! Reading one server, and lists of them.

use std::sync::Arc;

use access::{Action, Permit};
use catalog::{Entry, EntryPath, ServerEntry};

use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// Decides a write to whatever lives at a path, and hands that out with the permit. Its picture may be of any
/// age: the store refuses a write that was made from an entry of yesterday.
pub(super) fn permitted(
    app: &App,
    caller: &Caller,
    action: Action,
    path: &EntryPath,
) -> Result<(Permit, Arc<ServerEntry>), ApiError> {
    app.decide_on(caller, action, path, &app.servers.catalogue())
}

/// The server at a path.
pub(super) fn get(app: &App, caller: &Caller, path: &EntryPath) -> Result<Arc<ServerEntry>, ApiError> {
    let picture = app.shown(&*app.servers)?;
    app.decide_on(caller, Action::ListService, path, &picture).map(|(_, entry)| entry)
}

/// What a list is asked for.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Case-insensitive part of name, description, a tag or the name of a tool he may call.
    pub(super) query: Option<String>,
    pub(super) enabled_only: bool,
    pub(super) tag: Option<String>,
    /// The last path of the page before.
    pub(super) cursor: Option<EntryPath>,
    pub(super) limit: usize,
}

/// One page of a list.
pub(super) struct Page {
    pub(super) servers: Vec<Arc<ServerEntry>>,
    /// How many servers the caller sees under this filter, on all pages.
    pub(super) total: usize,
    pub(super) next: Option<EntryPath>,
}

/// The servers a caller sees, by path.
pub(super) fn list(app: &App, caller: &Caller, filter: &Filter) -> Result<Page, ApiError> {
    let catalogue = app.shown(&*app.servers)?;
    let view = caller.view(Action::ListService);
    let query = filter.query.as_deref().map(str::to_lowercase);
    let seen = |server: &&Arc<ServerEntry>| {
        view.sees(server.resource()) && filter.admits(caller, server, query.as_deref())
    };
    let mut page = Page { servers: Vec::new(), total: 0, next: None };
    for server in catalogue.iter().filter(seen) {
        page.total += 1;
        if filter.cursor.as_ref().is_some_and(|cursor| server.path <= *cursor) {
            continue;
        }
        if page.servers.len() < filter.limit {
            page.servers.push(server.clone());
        } else if page.next.is_none() {
            page.next = page.servers.last().map(|last| last.path.clone());
        }
    }
    Ok(page)
}

impl Filter {
    fn admits(&self, caller: &Caller, server: &ServerEntry, query: Option<&str>) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(part);
        (!self.enabled_only || server.enabled)
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| server.tags.iter().any(|held| held.eq_ignore_ascii_case(tag)))
            && query.is_none_or(|part| {
                has(&server.name, part)
                    || has(&server.description, part)
                    || server.tags.iter().any(|tag| has(tag, part))
                    || self.has_tool(caller, server, |name| has(name, part))
            })
    }

    /// Only tools that he may call: otherwise a search would tell their names, letter by letter.
    fn has_tool(&self, caller: &Caller, server: &ServerEntry, wanted: impl Fn(&str) -> bool) -> bool {
        let calls = caller.policy.calls(&caller.who.scopes, server.policy_name());
        server.tools.iter().any(|tool| wanted(&tool.name) && calls.may("tools/call", Some(&tool.name)))
    }
}
