//! The directory of one moment, and the one function that changes it: whatever kept the events, the same
//! events give the same picture.

use std::sync::Arc;

use rpds::HashTrieMapSync;

use super::log::Event;
use super::{AgentIdentity, Done, McpTarget, Usage, Wish};
use crate::StoreError;

/// How far behind ours the clock may be of one who still accepts a token, in seconds.
const CLOCKS_APART: u64 = 60;

/// Everything, as of one moment; a copy shares what has not changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    /// The number of the last change in it.
    pub(super) number: u64,
    pub(super) agents: HashTrieMapSync<String, Arc<AgentIdentity>>,
    /// Client id → id.
    clients: HashTrieMapSync<String, String>,
    /// Slug → id, also of agents that are gone: a `sub` is never given again (OpenID Connect Core section 2).
    slugs: HashTrieMapSync<String, String>,
    pub(super) usage: HashTrieMapSync<String, Arc<Usage>>,
    pub(super) targets: HashTrieMapSync<String, Arc<McpTarget>>,
    /// Resource URI, alias or id → id.
    target_names: HashTrieMapSync<String, String>,
    /// Slug → id.
    target_slugs: HashTrieMapSync<String, String>,
    /// `jti` → `exp`.
    pub(super) revoked: HashTrieMapSync<String, u64>,
    pub(super) admin_key: Option<String>,
}

impl Directory {
    /// The number of the last change in it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The agent of this id.
    pub fn agent(&self, agent_id: &str) -> Option<&Arc<AgentIdentity>> {
        self.agents.get(agent_id)
    }

    /// The agent that signs in with this client id.
    pub fn client(&self, client_id: &str) -> Option<&Arc<AgentIdentity>> {
        self.agents.get(self.clients.get(client_id)?)
    }

    /// The agent of this id or slug.
    pub fn agent_named(&self, name: &str) -> Option<&Arc<AgentIdentity>> {
        self.agents.get(name).or_else(|| self.agents.get(self.slugs.get(name)?))
    }

    /// Whether a slug is an agent's, or was one's that is gone.
    pub fn has_slug(&self, slug: &str) -> bool {
        self.slugs.contains_key(slug)
    }

    /// Every agent, in no order.
    pub fn agents(&self) -> impl Iterator<Item = &Arc<AgentIdentity>> {
        self.agents.values()
    }

    /// What an agent has used.
    pub fn usage(&self, agent_id: &str) -> Option<&Arc<Usage>> {
        self.usage.get(agent_id)
    }

    /// Model tokens that an agent has used on the day of this instant.
    pub fn tokens_used(&self, agent_id: &str, now: u64) -> u64 {
        self.usage.get(agent_id).map_or(0, |usage| usage.tokens_at(now))
    }

    /// The target that is asked for by exactly this name: URI, alias or id.
    pub fn target(&self, name: &str) -> Option<&Arc<McpTarget>> {
        self.targets.get(self.target_names.get(name)?)
    }

    /// The target of this id or slug.
    pub fn target_named(&self, name: &str) -> Option<&Arc<McpTarget>> {
        self.targets.get(name).or_else(|| self.targets.get(self.target_slugs.get(name)?))
    }

    /// Every target, in no order.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<McpTarget>> {
        self.targets.values()
    }

    /// Whether a token of this `jti` was made void.
    pub fn is_revoked(&self, jti: &str) -> bool {
        self.revoked.contains_key(jti)
    }

    /// The hash of the organisation's key.
    pub fn admin_key(&self) -> Option<&str> {
        self.admin_key.as_deref()
    }

    /// What a wish comes to here, or why it cannot be: a refused one leaves everything as it was.
    /// `at` is in seconds since the epoch.
    ///
    /// What is in a log comes to the same for ever, in every version of this program, or servers that share a
    /// database would see different directories: what shall mean something else is a new kind of wish.
    ///
    /// # Errors
    /// [`StoreError::Taken`], [`StoreError::Absent`], [`StoreError::Changed`].
    pub(super) fn apply(&mut self, at: u64, wish: &Wish) -> Result<Applied, StoreError> {
        let number = self.number + 1;
        let done = match wish {
            Wish::CreateAgent { agent } => Done::Agent(self.create_agent(number, agent)?),
            Wish::AmendAgent { agent_id, version, changes } => {
                let old = self.known(agent_id)?.clone();
                current(agent_id, old.version, *version)?;
                let mut agent = changes.made(&old);
                let is_counted = changes.tokens_used_today.is_some();
                if agent == *old && !is_counted {
                    return Ok(Applied::Unchanged(Done::Agent(old)));
                }
                if let Some(tokens) = changes.tokens_used_today {
                    let mut usage = self.used_by(agent_id);
                    usage.set(at, tokens);
                    self.usage.insert_mut(agent_id.clone(), Arc::new(usage));
                }
                if agent != *old {
                    (agent.updated_at, agent.version) = (at, number);
                }
                Done::Agent(self.put_agent(agent))
            }
            Wish::DescribeAgent { agent_id, name, description, declared, jwks_uri } => {
                let old = self.known(agent_id)?.clone();
                let mut agent = AgentIdentity::clone(&old);
                agent.name.clone_from(name);
                agent.description = description.clone().unwrap_or(agent.description);
                agent.declared = declared.clone().unwrap_or(agent.declared);
                agent.jwks_uri = jwks_uri.clone().or(agent.jwks_uri);
                if agent == *old {
                    return Ok(Applied::Unchanged(Done::Agent(old)));
                }
                agent.updated_at = at;
                Done::Agent(self.put_agent(agent))
            }
            Wish::RemoveAgent { agent_id, version } => {
                let agent = self.known(agent_id)?.clone();
                current(agent_id, agent.version, *version)?;
                self.agents.remove_mut(&agent.agent_id);
                self.clients.remove_mut(&agent.client_id);
                self.usage.remove_mut(&agent.agent_id);
                // The slug stays, and leads to nobody.
                self.retire(agent.slug.clone());
                Done::Nothing
            }
            Wish::ReportUsage { agent_id, tokens, cost_micros, run_id } => {
                self.known(agent_id)?;
                let mut usage = self.used_by(agent_id);
                if run_id.as_ref().is_some_and(|run| usage.knows(run)) {
                    return Ok(Applied::Unchanged(Done::Usage(usage.tokens_at(at))));
                }
                usage.count(at, *tokens, *cost_micros, run_id.as_deref());
                let today = usage.tokens_at(at);
                self.usage.insert_mut(agent_id.clone(), Arc::new(usage));
                Done::Usage(today)
            }
            Wish::CreateTarget { target } => {
                if self.targets.contains_key(&target.id) {
                    return Err(StoreError::Taken(target.id.clone()));
                }
                self.check_target_names(target)?;
                Done::Target(self.put_target(number, target))
            }
            Wish::AmendTarget { id, version, described, introspection_hash } => {
                let old = self.targets.get(id).cloned().ok_or_else(|| StoreError::Absent(id.clone()))?;
                current(id, old.version, *version)?;
                let mut target = described.as_deref().unwrap_or(&old).clone();
                target.id.clone_from(&old.id);
                target.created_by.clone_from(&old.created_by);
                target.created_at = old.created_at;
                target.updated_at = at;
                target
                    .introspection_hash
                    .clone_from(introspection_hash.as_ref().unwrap_or(&old.introspection_hash));
                self.check_target_names(&target)?;
                self.take_target_names(&old);
                Done::Target(self.put_target(number, &target))
            }
            Wish::RemoveTarget { id, version } => {
                let old = self.targets.get(id).cloned().ok_or_else(|| StoreError::Absent(id.clone()))?;
                current(id, old.version, *version)?;
                self.take_target_names(&old);
                self.targets.remove_mut(id);
                Done::Nothing
            }
            Wish::Revoke { jti, expires_at, .. } => {
                if self.revoked.get(jti).is_some_and(|held| held >= expires_at) {
                    return Ok(Applied::Unchanged(Done::Nothing));
                }
                self.revoked.insert_mut(jti.clone(), *expires_at);
                Done::Nothing
            }
            Wish::SetAdminKey { hash, before } => {
                if self.admin_key != *before {
                    let current = "another".to_owned();
                    return Err(StoreError::Changed { path: "the organisation's key".to_owned(), current });
                }
                self.admin_key = Some(hash.clone());
                Done::Nothing
            }
        };
        self.number = number;
        Ok(Applied::Changed(done))
    }

    /// Takes up an event that somebody decided on the same picture.
    ///
    /// # Errors
    /// Why it cannot have happened here.
    pub(super) fn follow(&mut self, event: &Event<'_>) -> Result<(), String> {
        let next = self.number + 1;
        if event.number != next {
            return Err(format!("event {} is out of its order: {next} comes next", event.number));
        }
        let applied = self.apply(event.at, &event.wish);
        applied.map_err(|refused| format!("event {next} cannot have happened: {refused}"))?;
        // One who had forgotten more than we have decided it: its number counts all the same.
        self.number = next;
        Ok(())
    }

    /// Forgets the tokens that were made void and have ended since; `now` is in seconds since the epoch.
    pub(super) fn forget_ended(&mut self, now: u64) {
        let ended = self.revoked.iter().filter(|(_, end)| end.saturating_add(CLOCKS_APART) < now);
        let ended: Vec<String> = ended.map(|(jti, _)| jti.clone()).collect();
        for jti in ended {
            self.revoked.remove_mut(&jti);
        }
    }

    fn known(&self, agent_id: &str) -> Result<&Arc<AgentIdentity>, StoreError> {
        self.agents.get(agent_id).ok_or_else(|| StoreError::Absent(agent_id.to_owned()))
    }

    fn create_agent(&mut self, number: u64, agent: &AgentIdentity) -> Result<Arc<AgentIdentity>, StoreError> {
        for (taken, name) in [
            (self.agents.contains_key(&agent.agent_id), &agent.agent_id),
            (self.clients.contains_key(&agent.client_id), &agent.client_id),
            (self.slugs.contains_key(&agent.slug), &agent.slug),
        ] {
            if taken {
                return Err(StoreError::Taken(name.clone()));
            }
        }
        Ok(self.put_agent(AgentIdentity { version: number, ..agent.clone() }))
    }

    /// Slugs of agents that are gone, in their order.
    pub(super) fn retired(&self) -> Vec<&str> {
        let gone = self.slugs.iter().filter(|(_, agent_id)| !self.agents.contains_key(*agent_id));
        let mut slugs: Vec<&str> = gone.map(|(slug, _)| &**slug).collect();
        slugs.sort_unstable();
        slugs
    }

    /// Notes a slug of an agent that is gone.
    pub(super) fn retire(&mut self, slug: String) {
        self.slugs.insert_mut(slug, String::new());
    }

    fn used_by(&self, agent_id: &str) -> Usage {
        self.usage.get(agent_id).map_or_else(Usage::default, |held| Usage::clone(held))
    }

    pub(super) fn put_agent(&mut self, agent: AgentIdentity) -> Arc<AgentIdentity> {
        let agent = Arc::new(agent);
        self.clients.insert_mut(agent.client_id.clone(), agent.agent_id.clone());
        self.slugs.insert_mut(agent.slug.clone(), agent.agent_id.clone());
        self.agents.insert_mut(agent.agent_id.clone(), agent.clone());
        agent
    }

    fn check_target_names(&self, target: &McpTarget) -> Result<(), StoreError> {
        let others = |held: Option<&String>| held.is_some_and(|id| *id != target.id);
        if others(self.target_slugs.get(&target.slug)) {
            return Err(StoreError::Taken(target.slug.clone()));
        }
        match target.names().find(|name| others(self.target_names.get(*name))) {
            Some(name) => Err(StoreError::Taken(name.to_owned())),
            None => Ok(()),
        }
    }

    pub(super) fn put_target(&mut self, number: u64, target: &McpTarget) -> Arc<McpTarget> {
        let target = Arc::new(McpTarget { version: number, ..target.clone() });
        for name in target.names() {
            self.target_names.insert_mut(name.to_owned(), target.id.clone());
        }
        self.target_slugs.insert_mut(target.slug.clone(), target.id.clone());
        self.targets.insert_mut(target.id.clone(), target.clone());
        target
    }

    fn take_target_names(&mut self, target: &McpTarget) {
        for name in target.names() {
            self.target_names.remove_mut(name);
        }
        self.target_slugs.remove_mut(&target.slug);
    }
}

/// What a wish came to.
#[derive(Debug)]
pub(super) enum Applied {
    /// It is the next event.
    Changed(Done),
    /// All was so already.
    Unchanged(Done),
}

fn current(path: &str, held: u64, expected: Option<u64>) -> Result<(), StoreError> {
    if expected.is_none_or(|expected| held == expected) {
        return Ok(());
    }
    Err(StoreError::Changed { path: path.to_owned(), current: held.to_string() })
}
