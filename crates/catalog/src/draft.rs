//! A submitted card on its way to become an entry: read, merged, validated, completed.

use access::Visibility;
use serde_json::{Map, Value, json};

use crate::merge::merge;
use crate::reading::Null;
use crate::{AgentEntry, CardRules, EntryPath, Faults, TrustLevel, reading, validate};

/// A card that has passed validation, not yet anybody's entry.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentDraft {
    path: EntryPath,
    card: Map<String, Value>,
}

/// Fields the registry alone sets; what a client sends in them is ignored.
const REGISTRYS_OWN: [&str; 3] = ["registered_at", "updated_at", "num_stars"];

impl AgentDraft {
    /// Reads a submitted card: any spelling in, the guide's spelling out, defaults filled in.
    ///
    /// # Errors
    /// Every fault of the card, each with its field.
    pub fn read(submitted: Map<String, Value>, rules: CardRules) -> Result<AgentDraft, Faults> {
        let mut faults = Faults::default();
        let card = reading::respell(submitted, Null::LeftOut, &mut faults);
        AgentDraft::checked(card, rules, faults)
    }

    /// The draft that replaces `entry` when a client PUTs a card: fields it left out are the entry's.
    ///
    /// # Errors
    /// Every fault of the resulting card.
    pub fn replace(
        entry: &AgentEntry,
        submitted: Map<String, Value>,
        rules: CardRules,
    ) -> Result<AgentDraft, Faults> {
        let mut faults = Faults::default();
        let change = reading::respell(submitted, Null::LeftOut, &mut faults);
        let mut card = entry.card();
        card.extend(change);
        AgentDraft::changed(entry, card, rules, faults)
    }

    /// The draft that a merge patch makes of `entry` (RFC 7396): `null` removes a field.
    ///
    /// # Errors
    /// Every fault of the resulting card.
    pub fn patch(
        entry: &AgentEntry,
        submitted: Map<String, Value>,
        rules: CardRules,
    ) -> Result<AgentDraft, Faults> {
        let mut faults = Faults::default();
        let patch = reading::respell(submitted, Null::Removes, &mut faults);
        for field in ["visibility", "allowed_groups"] {
            // Without the field the entry would be public: nobody opens an agent by leaving out.
            if patch.get(field).is_some_and(Value::is_null) {
                faults.add(field, "cannot be removed: say what it is to be instead");
            }
        }
        let mut card = entry.card();
        merge(&mut card, patch);
        AgentDraft::changed(entry, card, rules, faults)
    }

    fn changed(
        entry: &AgentEntry,
        mut card: Map<String, Value>,
        rules: CardRules,
        mut faults: Faults,
    ) -> Result<AgentDraft, Faults> {
        let path = card.entry("path").or_insert(json!(entry.path.as_str()));
        if path != entry.path.as_str() {
            faults.add("path", "an entry's path cannot change: register the card at the new path");
        }
        AgentDraft::checked(card, rules, faults)
    }

    fn checked(
        mut card: Map<String, Value>,
        rules: CardRules,
        mut faults: Faults,
    ) -> Result<AgentDraft, Faults> {
        for field in REGISTRYS_OWN {
            card.shift_remove(field);
        }
        validate::check(&card, rules, &mut faults);
        let path = AgentDraft::wanted_path(&card);
        if path.is_none() && !card.contains_key("path") && faults.list().is_empty() {
            faults.add("path", "no path can be made from the name: give one, e.g. \"/my-agent\"");
        }
        let card = faults.or(card)?;
        let path = path.ok_or_else(|| Faults::one("path", "is required"))?;
        Ok(AgentDraft { card: with_defaults(card, &path), path })
    }

    /// Where a submitted card wants to live: known before anything else of it is looked at,
    /// so that who may not publish there is told so first.
    pub fn wanted_path(card: &Map<String, Value>) -> Option<EntryPath> {
        match card.get("path").filter(|path| !path.is_null()) {
            Some(path) => EntryPath::parse(path.as_str()?).ok(),
            None => EntryPath::for_name(card.get("name").and_then(Value::as_str)?),
        }
    }

    /// Where the agent is to live.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// The trust the card declares; what is above `community` is for admins to say.
    pub fn trust(&self) -> TrustLevel {
        self.card.get("trust_level").and_then(Value::as_str).and_then(TrustLevel::named).unwrap_or_default()
    }

    /// The registrant the card names; for admins to say.
    pub fn registrant(&self) -> Option<&str> {
        self.card.get("registered_by").and_then(Value::as_str).filter(|name| !name.is_empty())
    }

    /// The entry of a first registration: disabled, without stars.
    pub fn into_new_entry(mut self, registrant: &str, now: &str) -> Result<AgentEntry, Faults> {
        self.card.insert("is_enabled".to_owned(), json!(false));
        self.card.insert("num_stars".to_owned(), json!(0));
        self.card.insert("registered_at".to_owned(), json!(now));
        self.card.insert("registered_by".to_owned(), json!(registrant));
        self.card.insert("updated_at".to_owned(), json!(now));
        AgentEntry::from_card(self.path, self.card)
    }

    /// The entry that takes the place of `old`.
    pub fn into_next_entry(
        mut self,
        old: &AgentEntry,
        registrant: &str,
        now: &str,
    ) -> Result<AgentEntry, Faults> {
        self.card.entry("is_enabled").or_insert(json!(old.enabled));
        self.card.insert("num_stars".to_owned(), json!(old.num_stars));
        self.card.insert("registered_at".to_owned(), json!(old.registered_at));
        self.card.insert("registered_by".to_owned(), json!(registrant));
        self.card.insert("updated_at".to_owned(), json!(now));
        AgentEntry::from_card(self.path, self.card)
    }
}

/// The guide's defaults (design page "registry-api", "Defaults").
fn with_defaults(mut card: Map<String, Value>, path: &EntryPath) -> Map<String, Value> {
    let visibility =
        card.get("visibility").and_then(Value::as_str).and_then(Visibility::named).unwrap_or_default();
    card.insert("visibility".to_owned(), json!(visibility.name()));
    for (field, value) in [
        ("protocol_version", json!("1.0")),
        ("version", json!("1.0.0")),
        ("path", json!(path.as_str())),
        ("skills", json!([])),
        ("security_schemes", json!({})),
        ("streaming", json!(false)),
        ("tags", json!([])),
        ("license", json!("N/A")),
        ("allowed_groups", json!([])),
        ("trust_level", json!(TrustLevel::default().name())),
    ] {
        card.entry(field).or_insert(value);
    }
    card
}
