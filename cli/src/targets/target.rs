//! An MCP server as the directory tells it, in words, and as it is to be.

use serde::Deserialize;
use serde_json::{Value, json};

use super::options::{Fields, Update};

/// What the directory knows of an MCP server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) resource_uri: String,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    pub(super) required_capability: Option<String>,
    #[serde(default)]
    pub(super) scopes_supported: Vec<String>,
    /// In seconds.
    pub(super) token_lifetime: u64,
}

impl Target {
    /// All of it, as far as there is something to say.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("target", self.id.clone()),
            ("slug", self.slug.clone()),
            ("name", self.name.clone()),
            ("resource", self.resource_uri.clone()),
            ("aliases", self.aliases.join(", ")),
            ("capability", self.required_capability.clone().unwrap_or("none is required".to_owned())),
            ("scopes", self.scopes_supported.join(", ")),
            ("tokens live", format!("{} s", self.token_lifetime)),
        ];
        rows.retain(|(_, fact)| !fact.is_empty());
        rows
    }

    /// The same with what was named instead.
    pub(super) fn with(self, options: &Update) -> Target {
        let Update { name, resource_uri, no_aliases, no_scopes, fields, .. } = options;
        let replaced = |old: Vec<String>, new: &[String], none: bool| match (none, new) {
            (true, _) => Vec::new(),
            (false, []) => old,
            (false, new) => new.to_vec(),
        };
        Target {
            name: name.clone().unwrap_or(self.name),
            resource_uri: resource_uri.clone().unwrap_or(self.resource_uri),
            aliases: replaced(self.aliases, &fields.aliases, *no_aliases),
            required_capability: match fields.capability.as_deref() {
                Some("none") => None,
                Some(capability) => Some(capability.to_owned()),
                None => self.required_capability,
            },
            scopes_supported: replaced(self.scopes_supported, &fields.scopes, *no_scopes),
            token_lifetime: fields.lifetime.unwrap_or(self.token_lifetime),
            ..self
        }
    }

    /// The whole of it, as it is sent: PUT leaves nothing of what was there.
    pub(super) fn wish(&self) -> Value {
        let mut wish = json!({
            "name": self.name,
            "slug": self.slug,
            "resource_uri": self.resource_uri,
            "aliases": self.aliases,
            "scopes_supported": self.scopes_supported,
            "token_lifetime": self.token_lifetime,
        });
        if let Some(capability) = &self.required_capability {
            wish["required_capability"] = json!(capability);
        }
        wish
    }
}

/// A new one: what was not said is the server's to choose.
pub(super) fn new(name: &str, slug: Option<&str>, resource_uri: &str, fields: &Fields) -> Value {
    let mut wish = json!({"name": name, "resource_uri": resource_uri});
    let some = |list: &[String]| (!list.is_empty()).then(|| json!(list));
    let capability = fields.capability.as_deref().filter(|capability| *capability != "none");
    for (name, value) in [
        ("slug", slug.map(|slug| json!(slug))),
        ("aliases", some(&fields.aliases)),
        ("required_capability", capability.map(|capability| json!(capability))),
        ("scopes_supported", some(&fields.scopes)),
        ("token_lifetime", fields.lifetime.map(|seconds| json!(seconds))),
    ] {
        if let Some(value) = value {
            wish[name] = value;
        }
    }
    wish
}
