//! A submitted server on its way to become an entry: read, merged, validated, sealed, completed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::headers::{self, Told};
use super::reading::{REGISTRYS_OWN, respell, spell_path};
use super::{ServerEntry, Transport, transports, validate};
use crate::fields::web_url;
use crate::merge::merge;
use crate::place::ServerName;
use crate::reading::Null;
use crate::{CardRules, Entry, EntryPath, Faults};

/// The longest path that is made from a name.
const LONGEST_SLUG: usize = 64;

/// A server that has passed validation, not yet anybody's entry: the values of its headers are in clear.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerDraft {
    path: EntryPath,
    card: Map<String, Value>,
    headers: BTreeMap<String, Told>,
}

/// A draft that may be kept: no value of a header is in clear.
#[derive(Clone, Debug, PartialEq)]
pub struct SealedDraft {
    path: EntryPath,
    card: Map<String, Value>,
}

impl ServerDraft {
    /// Reads a submitted server: any spelling in, the registry's spelling out, defaults filled in.
    ///
    /// # Errors
    /// Every fault, each with its field; none repeats the value of a header.
    pub fn read(submitted: Map<String, Value>, rules: CardRules) -> Result<ServerDraft, Faults> {
        let mut faults = Faults::default();
        let mut card = respell(submitted, Null::LeftOut, &mut faults);
        // New servers are disabled, whatever a form says.
        card.shift_remove("is_enabled");
        ServerDraft::checked(card, &BTreeMap::new(), rules, faults)
    }

    /// The draft that replaces `entry` when a client PUTs a server: fields it left out are the entry's.
    ///
    /// # Errors
    /// Every fault of what would result.
    pub fn replace(
        entry: &ServerEntry,
        submitted: Map<String, Value>,
        rules: CardRules,
    ) -> Result<ServerDraft, Faults> {
        let mut faults = Faults::default();
        let change = respell(submitted, Null::LeftOut, &mut faults);
        let mut card = told_card(entry);
        card.extend(change);
        ServerDraft::changed(entry, card, rules, faults)
    }

    /// The draft that a merge patch makes of `entry` (RFC 7396): `null` removes a field, or a header.
    ///
    /// # Errors
    /// Every fault of what would result.
    pub fn patch(
        entry: &ServerEntry,
        submitted: Map<String, Value>,
        rules: CardRules,
    ) -> Result<ServerDraft, Faults> {
        let mut faults = Faults::default();
        let patch = respell(submitted, Null::Removes, &mut faults);
        let mut card = told_card(entry);
        merge(&mut card, patch);
        ServerDraft::changed(entry, card, rules, faults)
    }

    fn changed(
        entry: &ServerEntry,
        mut card: Map<String, Value>,
        rules: CardRules,
        mut faults: Faults,
    ) -> Result<ServerDraft, Faults> {
        let path = card.entry("path").or_insert(json!(entry.path.as_str()));
        if path != entry.path.as_str() {
            faults.add("path", "a server's path cannot change: register it at the new path");
        }
        // What was told for one address is not sent to another: whoever moves a server says its headers again.
        let address = card.get("proxy_pass_url").and_then(Value::as_str).and_then(web_url);
        let stays = address.is_some_and(|address| address.origin() == entry.upstream.origin());
        let kept = if stays { entry.headers.clone() } else { BTreeMap::new() };
        ServerDraft::checked(card, &kept, rules, faults)
    }

    fn checked(
        mut card: Map<String, Value>,
        kept: &BTreeMap<String, String>,
        rules: CardRules,
        mut faults: Faults,
    ) -> Result<ServerDraft, Faults> {
        let headers = headers::take(&mut card, kept, &mut faults);
        validate::check(&card, rules, &mut faults);
        let path = ServerDraft::wanted_path(&card);
        if path.is_none() && !card.contains_key("path") && faults.list().is_empty() {
            faults.add("path", "no path can be made from the name: give one, e.g. \"/my-server\"");
        }
        let transports = transports(card.get("supported_transports"), &mut Faults::default());
        let card = faults.or(card)?;
        let path = path.ok_or_else(|| Faults::one("path", "is required"))?;
        Ok(ServerDraft { card: with_defaults(card, &path, &transports), path, headers })
    }

    /// Where a submitted server wants to live: known before anything else of it is looked at, so that who may
    /// not register there is told so first.
    pub fn wanted_path(card: &Map<String, Value>) -> Option<EntryPath> {
        let path = match card.get("path").filter(|path| !path.is_null()) {
            Some(path) => {
                let mut path = path.clone();
                spell_path(&mut path);
                EntryPath::parse(path.as_str()?).ok()?
            }
            None => {
                let name = ["server_name", "name", "serverName"].iter().find_map(|name| card.get(*name));
                EntryPath::parse(&format!("/{}", slug(name.and_then(Value::as_str)?))).ok()?
            }
        };
        ServerName::parse(path.as_str().strip_prefix('/')?).is_ok().then_some(path)
    }

    /// Where the server is to live.
    pub fn path(&self) -> &EntryPath {
        &self.path
    }

    /// Whether the gateway and discovery are to know it, where that was said.
    pub fn enabled(&self) -> Option<bool> {
        self.card.get("is_enabled").and_then(Value::as_bool)
    }

    /// Whether it comes with secrets that the store has not yet.
    pub fn has_secrets(&self) -> bool {
        self.headers.values().any(|told| matches!(told, Told::Clear(_)))
    }

    /// Seals the values that are in clear: `seal` is given the name of each header and its value.
    ///
    /// # Errors
    /// What `seal` refuses with.
    pub fn seal<E>(self, seal: impl Fn(&str, &str) -> Result<String, E>) -> Result<SealedDraft, E> {
        let ServerDraft { path, mut card, headers } = self;
        let mut sealed = Map::new();
        for (name, told) in headers {
            let value = match told {
                Told::Clear(value) => seal(&name, &value)?,
                Told::Kept(value) => value,
            };
            sealed.insert(name, json!(value));
        }
        if !sealed.is_empty() {
            card.insert("headers".to_owned(), Value::Object(sealed));
        }
        Ok(SealedDraft { path, card })
    }
}

impl SealedDraft {
    /// The entry of a first registration: disabled, and its tools are not known yet.
    ///
    /// # Errors
    /// What makes the card unusable.
    pub fn into_new_entry(mut self, registrant: &str, now: &str) -> Result<ServerEntry, Faults> {
        self.card.insert("is_enabled".to_owned(), json!(false));
        self.card.insert("num_tools".to_owned(), json!(0));
        self.card.insert("tool_list".to_owned(), json!([]));
        self.card.insert("registered_at".to_owned(), json!(now));
        self.card.insert("registered_by".to_owned(), json!(registrant));
        self.card.insert("updated_at".to_owned(), json!(now));
        ServerEntry::from_card(self.path, self.card)
    }

    /// The entry that takes the place of `old`; it has the same tools until they are read again.
    ///
    /// # Errors
    /// What makes the card unusable.
    pub fn into_next_entry(mut self, old: &ServerEntry, now: &str) -> Result<ServerEntry, Faults> {
        let kept = old.card();
        self.card.entry("is_enabled").or_insert(json!(old.enabled));
        for field in REGISTRYS_OWN {
            if let Some(value) = kept.get(field) {
                self.card.insert(field.to_owned(), value.clone());
            }
        }
        self.card.insert("updated_at".to_owned(), json!(now));
        ServerEntry::from_card(self.path, self.card)
    }
}

/// An entry's card as a client may have seen it: what he sends is merged with that.
fn told_card(entry: &ServerEntry) -> Map<String, Value> {
    let mut card = entry.card();
    for field in REGISTRYS_OWN {
        card.shift_remove(field);
    }
    card.shift_remove("headers");
    if !entry.headers.is_empty() {
        card.insert("headers".to_owned(), headers::hidden(&entry.headers));
    }
    card
}

/// A name as one segment of a path: lower-case letters, digits and hyphens.
fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len().min(LONGEST_SLUG));
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            _ if slug.len() == LONGEST_SLUG => break,
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').to_owned()
}

fn with_defaults(
    mut card: Map<String, Value>,
    path: &EntryPath,
    transports: &[Transport],
) -> Map<String, Value> {
    let names: Vec<&str> = transports.iter().map(|transport| transport.name()).collect();
    card.insert("supported_transports".to_owned(), json!(names));
    card.insert("path".to_owned(), json!(path.as_str()));
    card.entry("tags").or_insert(json!([]));
    card.entry("license").or_insert(json!("N/A"));
    if card.get("token_exchange").is_some_and(Value::is_null) {
        card.shift_remove("token_exchange");
    }
    card
}
