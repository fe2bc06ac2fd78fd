//! Finding agents by the skills and tags they declare.

use std::sync::Arc;

use access::Action;
use catalog::{AgentEntry, Skill, TrustLevel};

use crate::App;
use crate::error::ApiError;
use crate::identity::Caller;

/// What an agent should be able to do.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Ids or names of skills.
    pub(crate) skills: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) max_results: usize,
}

/// An agent that has at least one of the skills (or, when none was asked for, of the tags).
pub(crate) struct Match {
    pub(crate) entry: Arc<AgentEntry>,
    /// Ids of the skills that matched.
    pub(crate) skills: Vec<String>,
    /// 0 to 1, two decimals.
    pub(crate) relevance: f64,
}

/// The enabled agents the caller may see that fit the wish, best first, ties by path.
pub(crate) fn find(app: &App, caller: &Caller, wish: &Wish) -> Result<Vec<Match>, ApiError> {
    let catalogue = app.picture()?;
    let view = caller.view(Action::ListAgents);
    let mut matches: Vec<Match> = catalogue
        .iter()
        .filter(|entry| entry.enabled && view.sees(&entry.resource))
        .filter_map(|entry| wish.fits(entry))
        .collect();
    // The catalogue is in the order of paths and the sort is stable.
    matches.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
    matches.truncate(wish.max_results);
    Ok(matches)
}

impl Wish {
    fn fits(&self, entry: &Arc<AgentEntry>) -> Option<Match> {
        let had = self.skills.iter().filter(|wanted| has_skill(entry, wanted)).count();
        let tagged = self.tags.iter().filter(|tag| has_tag(entry, tag)).count();
        if had == 0 && (!self.skills.is_empty() || tagged == 0) {
            return None;
        }
        let wanted = |skill: &&Skill| self.skills.iter().any(|wanted| is_named(skill, wanted));
        let skills = entry.skills.iter().filter(wanted).map(|skill| skill.id.clone()).collect();
        let relevance = 0.6 * share(had, self.skills.len())
            + 0.2 * share(tagged, self.tags.len())
            + 0.2 * trust(entry.trust);
        Some(Match { entry: entry.clone(), skills, relevance: (relevance * 100.0).round() / 100.0 })
    }
}

/// Whether these are one word but for small and capital letters.
pub(crate) fn same(held: &str, wanted: &str) -> bool {
    held.eq_ignore_ascii_case(wanted)
        || !(held.is_ascii() && wanted.is_ascii()) && held.to_lowercase() == wanted.to_lowercase()
}

fn is_named(skill: &Skill, wanted: &str) -> bool {
    same(&skill.id, wanted) || same(&skill.name, wanted)
}

/// Whether an agent has a skill of this id or name.
pub(crate) fn has_skill(entry: &AgentEntry, wanted: &str) -> bool {
    entry.skills.iter().any(|skill| is_named(skill, wanted))
}

/// Whether an agent, or one of its skills, has a tag.
pub(crate) fn has_tag(entry: &AgentEntry, tag: &str) -> bool {
    entry.tags.iter().chain(entry.skills.iter().flat_map(|skill| &skill.tags)).any(|held| same(held, tag))
}

/// What was not asked for adds nothing.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn trust(level: TrustLevel) -> f64 {
    match level {
        TrustLevel::Unverified => 0.0,
        TrustLevel::Community => 0.2,
        TrustLevel::Verified => 0.5,
        TrustLevel::Trusted => 1.0,
    }
}
