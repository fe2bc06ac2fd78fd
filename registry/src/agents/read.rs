//! Reading one agent, and lists of them.

use std::sync::Arc;

use access::{Action, Permit, Visibility};
use catalog::{AgentEntry, EntryPath};

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
) -> Result<(Permit, Arc<AgentEntry>), ApiError> {
    app.decide_on(caller, action, path, &app.store.catalogue())
}

/// The agent at a path.
pub(crate) fn get(app: &App, caller: &Caller, path: &EntryPath) -> Result<Arc<AgentEntry>, ApiError> {
    let picture = app.picture()?;
    app.decide_on(caller, Action::GetAgent, path, &picture).map(|(_, entry)| entry)
}

/// What a list is asked for.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Case-insensitive part of name, description, a tag or a skill's name.
    pub(crate) query: Option<String>,
    pub(crate) enabled_only: bool,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) tag: Option<String>,
    /// The last path of the page before.
    pub(crate) cursor: Option<EntryPath>,
    pub(crate) limit: usize,
}

/// One page of a list.
pub(crate) struct Page {
    pub(crate) agents: Vec<Arc<AgentEntry>>,
    /// How many agents the caller sees under this filter, on all pages.
    pub(crate) total: usize,
    pub(crate) next: Option<EntryPath>,
}

/// The agents a caller sees, by path.
pub(crate) fn list(app: &App, caller: &Caller, filter: &Filter) -> Result<Page, ApiError> {
    let catalogue = app.picture()?;
    let view = caller.view(Action::ListAgents);
    let query = filter.query.as_deref().map(str::to_lowercase);
    let seen =
        |entry: &&Arc<AgentEntry>| filter.admits(entry, query.as_deref()) && view.sees(&entry.resource);
    let mut page = Page { agents: Vec::new(), total: 0, next: None };
    for entry in catalogue.iter().filter(seen) {
        page.total += 1;
        if filter.cursor.as_ref().is_some_and(|cursor| entry.path <= *cursor) {
            continue;
        }
        if page.agents.len() < filter.limit {
            page.agents.push(entry.clone());
        } else if page.next.is_none() {
            page.next = page.agents.last().map(|last| last.path.clone());
        }
    }
    Ok(page)
}

impl Filter {
    fn admits(&self, entry: &AgentEntry, query: Option<&str>) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(part);
        (!self.enabled_only || entry.enabled)
            && self.visibility.is_none_or(|visibility| entry.visibility == visibility)
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| entry.tags.iter().any(|held| held.eq_ignore_ascii_case(tag)))
            && query.is_none_or(|part| {
                has(&entry.name, part)
                    || has(&entry.description, part)
                    || entry.tags.iter().any(|tag| has(tag, part))
                    || entry.skills.iter().any(|skill| has(&skill.name, part))
            })
    }
}
