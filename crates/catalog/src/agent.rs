//! An agent as it stands in the registry: its card, and what the registry must know of it.

use std::sync::Arc;

use access::{Action, Resource, Visibility};
use serde_json::{Map, Value, json};

use crate::entry::{Entry, WriteKind};
use crate::fields::{etag, strings};
use crate::{EntryPath, Faults};

/// How far an entry is vouched for; the order is the ranking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustLevel {
    /// Nobody vouches.
    #[default]
    Unverified,
    /// The community uses it; anybody may say so.
    Community,
    /// An admin has checked it.
    Verified,
    /// An admin trusts it.
    Trusted,
}

impl TrustLevel {
    const NAMES: [(&'static str, TrustLevel); 4] = [
        ("unverified", TrustLevel::Unverified),
        ("community", TrustLevel::Community),
        ("verified", TrustLevel::Verified),
        ("trusted", TrustLevel::Trusted),
    ];

    /// The spelling in cards.
    pub fn name(self) -> &'static str {
        TrustLevel::NAMES.iter().find(|(_, level)| *level == self).map_or("unverified", |(name, _)| name)
    }

    /// Reads a spelling.
    pub fn named(name: &str) -> Option<TrustLevel> {
        TrustLevel::NAMES.iter().find(|(held, _)| *held == name).map(|(_, level)| *level)
    }
}

/// Who offers an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The organisation's name.
    pub organization: String,
    /// Its address, where the card gave one.
    pub url: Option<String>,
}

/// One thing an agent can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skill {
    /// Unique within the agent.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// For discovery.
    pub tags: Vec<String>,
}

/// An agent as it stands in the registry.
#[derive(Clone, Debug)]
pub struct AgentEntry {
    /// Where it lives.
    pub path: EntryPath,
    /// For people.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Where other agents reach it.
    pub url: String,
    /// The agent's own version.
    pub version: String,
    /// Who offers it.
    pub provider: Option<Provider>,
    /// What it can do.
    pub skills: Vec<Skill>,
    /// For discovery.
    pub tags: Vec<String>,
    /// Whether it streams.
    pub streaming: bool,
    /// Whether discovery finds it.
    pub enabled: bool,
    /// How many people starred it.
    pub num_stars: u64,
    /// How far it is vouched for.
    pub trust: TrustLevel,
    /// Who may see it.
    pub visibility: Visibility,
    /// When it was registered, RFC 3339 in UTC.
    pub registered_at: String,
    /// The username of the registrant.
    pub registered_by: String,
    /// What access decides about it.
    pub resource: Arc<Resource>,
    /// Strong entity tag of the whole card, with its quotes (RFC 9110 section 8.8.3).
    pub etag: String,
    json: Arc<str>,
}

impl AgentEntry {
    /// The entry of a stored card. Less strict than registration, because the guide's
    /// own state file holds cards without descriptions; strict in all that access needs.
    ///
    /// # Errors
    /// Every fault that makes the card unusable.
    pub fn from_card(path: EntryPath, mut card: Map<String, Value>) -> Result<AgentEntry, Faults> {
        let mut faults = Faults::default();
        card.entry("path").or_insert(json!(path.as_str()));
        let text = |name: &str| card.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if card.get("path").is_some_and(|held| held != path.as_str()) {
            faults.add("path", format!("differs from the key '{path}' it stands under"));
        }
        // Anything but a known visibility would have to be guessed, and a guess opens.
        let visibility = match card.get("visibility").map(|value| value.as_str().and_then(Visibility::named))
        {
            None => Visibility::default(),
            Some(Some(visibility)) => visibility,
            Some(None) => {
                faults.add("visibility", "must be public, private or group-restricted");
                Visibility::Private
            }
        };
        let allowed_groups = strings(card.get("allowed_groups"), "allowed_groups", &mut faults);
        let tags = strings(card.get("tags"), "tags", &mut faults);
        let enabled = match card.get("is_enabled") {
            None => false,
            Some(Value::Bool(enabled)) => *enabled,
            Some(_) => {
                faults.add("is_enabled", "must be true or false");
                false
            }
        };
        if text("name").is_empty() {
            faults.add("name", "is required");
        }
        faults.or(())?;
        let json: Arc<str> = serde_json::to_string(&card).unwrap_or_default().into();
        let registered_by = text("registered_by");
        let resource = Resource::entry(path.as_str(), registered_by.clone(), visibility, allowed_groups);
        Ok(AgentEntry {
            name: text("name"),
            description: text("description"),
            url: text("url"),
            version: text("version"),
            provider: provider(card.get("provider")),
            skills: card.get("skills").and_then(Value::as_array).into_iter().flatten().map(skill).collect(),
            tags,
            streaming: card.get("streaming").and_then(Value::as_bool).unwrap_or_default(),
            enabled,
            num_stars: card.get("num_stars").and_then(Value::as_u64).unwrap_or_default(),
            trust: TrustLevel::named(&text("trust_level")).unwrap_or_default(),
            visibility,
            registered_at: text("registered_at"),
            registered_by,
            resource: Arc::new(resource),
            etag: etag(&json),
            json,
            path,
        })
    }

    /// The same agent, found by discovery or not.
    ///
    /// # Errors
    /// None in practice: the card has been an entry before.
    pub fn toggled(&self, enabled: bool, now: &str) -> Result<AgentEntry, Faults> {
        let mut card = self.card();
        card.insert("is_enabled".to_owned(), json!(enabled));
        card.insert("updated_at".to_owned(), json!(now));
        AgentEntry::from_card(self.path.clone(), card)
    }

    /// The whole card as compact JSON, as it is stored and answered.
    pub fn json(&self) -> &Arc<str> {
        &self.json
    }

    /// The whole card.
    pub fn card(&self) -> Map<String, Value> {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

impl Entry for AgentEntry {
    const PLURAL: &'static str = "agents";
    const SINGULAR: &'static str = "agent";

    fn from_card(path: EntryPath, card: Map<String, Value>) -> Result<AgentEntry, Faults> {
        AgentEntry::from_card(path, card)
    }

    fn path(&self) -> &EntryPath {
        &self.path
    }

    fn etag(&self) -> &str {
        &self.etag
    }

    fn json(&self) -> &Arc<str> {
        &self.json
    }

    fn enabled(&self) -> bool {
        self.enabled
    }

    fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    fn policy_name(path: &EntryPath) -> &str {
        path.as_str()
    }

    fn actions(write: WriteKind) -> &'static [Action] {
        match write {
            WriteKind::Insert => &[Action::PublishAgent],
            WriteKind::Replace => &[Action::ModifyAgent],
            WriteKind::Remove => &[Action::DeleteAgent],
        }
    }
}

fn provider(value: Option<&Value>) -> Option<Provider> {
    match value? {
        Value::String(organization) => Some(Provider { organization: organization.clone(), url: None }),
        Value::Object(fields) => Some(Provider {
            organization: fields.get("organization")?.as_str()?.to_owned(),
            url: fields.get("url").and_then(Value::as_str).map(str::to_owned),
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn skill(value: &Value) -> Skill {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tags = value.get("tags").and_then(Value::as_array);
    Skill {
        id: text("id"),
        name: text("name"),
        description: text("description"),
        tags: tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}
