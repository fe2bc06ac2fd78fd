//! One change of the catalogue: who, when, what, and who could see the entry before and after.

use std::sync::Arc;

use access::{Permit, Resource, Visibility};
use catalog::{Entry, EntryPath};
use serde::{Deserialize, Deserializer, Serialize};

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is new.
    Registered,
    /// Its card is another.
    Updated,
    /// Discovery finds it again; nothing else changed.
    Enabled,
    /// Discovery no longer finds it; nothing else changed.
    Disabled,
    /// It is gone.
    Removed,
}

impl What {
    const ALL: [What; 5] = [What::Registered, What::Updated, What::Enabled, What::Disabled, What::Removed];

    /// The spelling in answers, the same as in files.
    pub fn name(self) -> &'static str {
        match self {
            What::Registered => "registered",
            What::Updated => "updated",
            What::Enabled => "enabled",
            What::Disabled => "disabled",
            What::Removed => "removed",
        }
    }
}

/// One change. Its number is one more than that of the change before, in the whole store.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its place in the order of all changes; the first is 1.
    pub number: u64,
    /// When, in seconds since 1970.
    pub at: u64,
    /// The username of who did it.
    pub by: String,
    /// The OAuth client he came with.
    pub client_id: Option<String>,
    /// What happened.
    pub what: What,
    /// To which entry.
    pub path: EntryPath,
    /// The card's top-level keys whose values differ, by name; of very many the first ones and how many more.
    /// Empty for what is new or gone.
    pub fields: Vec<String>,
    /// What access decided about the entry until then; `None` for what is new.
    pub before: Option<Arc<Resource>>,
    /// What access decides about it since; `None` for what is gone.
    pub after: Option<Arc<Resource>>,
    /// The entity tag it has since; `None` for what is gone.
    pub etag: Option<String>,
}

impl Change {
    /// The change from `old` to `new`, permitted to whoever holds `permit`. `None` when there is neither.
    pub(crate) fn between<E: Entry>(
        number: u64,
        at: u64,
        permit: &Permit,
        old: Option<&E>,
        new: Option<&E>,
    ) -> Option<Change> {
        let path = new.or(old)?.path().clone();
        let fields = match (old, new) {
            (Some(old), Some(new)) => differing(old, new),
            _ => Vec::new(),
        };
        let what = match (old, new) {
            (_, None) => What::Removed,
            (None, Some(_)) => What::Registered,
            (Some(_), Some(new)) if is_toggle(&fields) => {
                if new.enabled() {
                    What::Enabled
                } else {
                    What::Disabled
                }
            }
            (Some(_), Some(_)) => What::Updated,
        };
        Some(Change {
            number,
            at,
            by: permit.by().to_owned(),
            client_id: permit.client_id().map(str::to_owned),
            what,
            path,
            fields,
            before: old.map(|entry| entry.resource().clone()),
            after: new.map(|entry| entry.resource().clone()),
            etag: new.map(|entry| entry.etag().to_owned()),
        })
    }
}

impl Change {
    /// About how many bytes it takes to remember it. Long lists of groups are what weighs.
    pub(crate) fn weight(&self) -> usize {
        let texts = |texts: &[String]| texts.iter().map(|text| text.len() + 24).sum::<usize>();
        let sight = |resource: &Option<Arc<Resource>>| {
            let sight = resource.as_deref().and_then(Resource::sight);
            sight.map_or(0, |(owner, _, groups)| owner.len() + texts(groups) + 96)
        };
        let own = self.path.as_str().len() + self.by.len() + texts(&self.fields) + 256;
        own + sight(&self.before) + sight(&self.after)
    }
}

/// Names of fields that a change tells; a card may have thousands of its own.
const FIELDS: usize = 64;
/// Characters of such a name that are told.
const NAME: usize = 128;

const ENABLED: &str = "is_enabled";
/// Every change sets it: it tells nothing.
const UPDATED: &str = "updated_at";

fn is_toggle(fields: &[String]) -> bool {
    fields == [ENABLED]
}

fn differing<E: Entry>(old: &E, new: &E) -> Vec<String> {
    let (old, new) = (old.card(), new.card());
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(*value));
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    let mut names: Vec<String> =
        changed.chain(gone).map(|(name, _)| name.clone()).filter(|name| name != UPDATED).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(FIELDS);
    names.truncate(FIELDS);
    names.iter_mut().filter(|name| name.chars().count() > NAME).for_each(|name| {
        *name = name.chars().take(NAME).chain(['…']).collect();
    });
    if more > 0 {
        names.push(format!("… and {more} more"));
    }
    names
}

/// A change as it is kept: in a line of a file, or in a column. The card itself stands beside it.
///
/// A newer version may tell more: what it adds is passed over, so that both can serve while they are
/// exchanged. That a line of a file is whole, its checksum says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChangeRecord {
    pub(crate) number: u64,
    pub(crate) at: u64,
    pub(crate) by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    #[serde(deserialize_with = "known_or_updated")]
    pub(crate) what: What,
    pub(crate) path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Sight>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Sight>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
}

/// Who could see an entry, as [`Resource`] holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sight {
    owner: String,
    visibility: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
}

fn known_or_updated<'de, D: Deserializer<'de>>(from: D) -> Result<What, D::Error> {
    let name = String::deserialize(from)?;
    Ok(What::ALL.into_iter().find(|what| what.name() == name).unwrap_or(What::Updated))
}

impl From<&Change> for ChangeRecord {
    fn from(change: &Change) -> ChangeRecord {
        ChangeRecord {
            number: change.number,
            at: change.at,
            by: change.by.clone(),
            client_id: change.client_id.clone(),
            what: change.what,
            path: change.path.to_string(),
            fields: change.fields.clone(),
            before: change.before.as_deref().and_then(Sight::of),
            after: change.after.as_deref().and_then(Sight::of),
            etag: change.etag.clone(),
        }
    }
}

impl ChangeRecord {
    /// The change of an entry of this kind.
    pub(crate) fn change<E: Entry>(self) -> Result<Change, String> {
        let path = EntryPath::parse(&self.path).map_err(|fault| fault.to_string())?;
        let seen =
            |sight: Option<Sight>| sight.map(|sight| sight.resource(E::policy_name(&path))).transpose();
        let (before, after) = (seen(self.before)?, seen(self.after)?);
        Ok(Change {
            number: self.number,
            at: self.at,
            by: self.by,
            client_id: self.client_id,
            what: self.what,
            fields: self.fields,
            before,
            after,
            etag: self.etag,
            path,
        })
    }
}

impl Sight {
    fn of(resource: &Resource) -> Option<Sight> {
        let (owner, visibility, groups) = resource.sight()?;
        let (owner, visibility) = (owner.to_owned(), visibility.name().to_owned());
        Some(Sight { owner, visibility, groups: groups.to_vec() })
    }

    /// `name` is what policies call the entry.
    fn resource(self, name: &str) -> Result<Arc<Resource>, String> {
        let visibility = Visibility::named(&self.visibility)
            .ok_or_else(|| format!("'{}' is no visibility", self.visibility))?;
        Ok(Arc::new(Resource::entry(name, self.owner, visibility, self.groups)))
    }
}
