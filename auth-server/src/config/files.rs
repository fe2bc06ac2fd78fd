//! The clients file and the issuers file: read strictly, entry by entry, every fault named.

use std::collections::HashSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml::Value;
use url::Url;

use crate::grants::{Cost, check_hash};

/// A client of the embedded issuer.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientEntry {
    /// Its name at the token endpoint.
    pub client_id: String,
    /// Its secret, hashed with argon2id, as a PHC string (`auth-server hash-secret`).
    pub secret_hash: String,
    /// Its groups, mapped to scopes by the policy.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// Somebody else whose tokens are believed (design page "auth-and-nginx", section 5).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerEntry {
    /// The `iss` of its tokens, exact.
    pub issuer: String,
    /// Other spellings of the same issuer, e.g. its name inside the cluster.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Where its keys are; found by OpenID discovery when left out.
    pub jwks_uri: Option<String>,
    /// The `aud` values that mean us.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Whether a token must name one of them.
    #[serde(default)]
    pub audience: AudienceEntry,
    /// The claim that lists groups.
    #[serde(default = "default_groups_claim")]
    pub groups_claim: String,
    /// What the `scope` claim of a token without groups is worth.
    #[serde(default)]
    pub scope_claim: ScopeClaim,
    /// The name shown in `X-Auth-Method`.
    #[serde(default = "default_method")]
    pub method: String,
}

/// See [`token::Audience`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudienceEntry {
    /// The default.
    #[default]
    Required,
    /// Any audience or none.
    Optional,
}

/// Whether the words of a token's `scope` claim are scopes of ours (design page "access",
/// section 2). They never add to a token that has groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeClaim {
    /// They mean nothing: whoever may ask this issuer for a scope name could take ours.
    #[default]
    Ignored,
    /// The issuer grants our scopes.
    Trusted,
}

fn default_groups_claim() -> String {
    "groups".to_owned()
}

fn default_method() -> String {
    "oidc".to_owned()
}

/// Reads the clients file; faults are added to the list.
pub(super) fn clients(path: &Path, faults: &mut Vec<String>) -> Vec<ClientEntry> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        clients: Vec<Value>,
    }
    let Some(file) = read::<File>(path, faults) else { return Vec::new() };
    let clients: Vec<ClientEntry> = entries(path, "clients", file.clients, faults);
    let mut seen = HashSet::new();
    let mut first: Option<(&str, Cost)> = None;
    for client in &clients {
        let mut fault =
            |text: String| faults.push(format!("{}: {:?}: {text}", path.display(), client.client_id));
        if client.client_id.is_empty() || client.client_id.chars().any(char::is_control) {
            fault("not a client_id".to_owned());
        }
        if !seen.insert(&client.client_id) {
            fault("is there twice".to_owned());
        }
        // A client unknown must take as long to refuse as any known one, so all take the same.
        match (check_hash(&client.secret_hash), &first) {
            (Err(reason), _) => fault(format!("secret_hash: {reason}")),
            (Ok(cost), None) => first = Some((&client.client_id, cost)),
            (Ok(cost), Some((id, of_first))) if cost != *of_first => fault(format!(
                "secret_hash: costs {cost}, but that of {id:?} {of_first}: \
                 the times of answers would tell which clients exist, so hash both secrets alike"
            )),
            (Ok(_), Some(_)) => {}
        }
        if client.groups.iter().any(|group| group.is_empty() || group.chars().any(char::is_control)) {
            fault("groups: not a group's name".to_owned());
        }
    }
    clients
}

/// Reads the issuers file; faults are added to the list.
pub(super) fn issuers(path: &Path, faults: &mut Vec<String>) -> Vec<IssuerEntry> {
    let Some(list) = read::<Vec<Value>>(path, faults) else { return Vec::new() };
    let issuers: Vec<IssuerEntry> = entries(path, "", list, faults);
    for entry in &issuers {
        let mut fault = |text: &str| faults.push(format!("{}: {:?}: {text}", path.display(), entry.issuer));
        for url in std::iter::once(&entry.issuer).chain(&entry.jwks_uri) {
            if !Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                fault(&format!("{url:?} is no http(s) URL"));
            }
        }
        match (entry.audience, entry.audiences.is_empty()) {
            (AudienceEntry::Required, true) => {
                fault("audiences: name at least one, or say audience: optional");
            }
            (AudienceEntry::Optional, false) => fault("audiences: have no effect with audience: optional"),
            (AudienceEntry::Required, false) | (AudienceEntry::Optional, true) => {}
        }
        if !entry.method.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            fault("method: letters, digits, '-' or '_'");
        }
    }
    issuers
}

/// One `iss` must not select two configurations. `embedded` is the name of our own issuer.
pub(super) fn distinct(embedded: Option<&str>, issuers: &[IssuerEntry], faults: &mut Vec<String>) {
    let mut seen: HashSet<&str> = embedded.into_iter().collect();
    let names = issuers.iter().flat_map(|entry| std::iter::once(&entry.issuer).chain(&entry.aliases));
    let twice = names.filter(|name| !seen.insert(name));
    faults.extend(twice.map(|name| format!("the issuer {name:?} is configured twice")));
}

pub(super) fn read<T: DeserializeOwned>(path: &Path, faults: &mut Vec<String>) -> Option<T> {
    let mut named = |fault: String| faults.push(format!("{}: {fault}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|fault| named(fault.to_string())).ok()?;
    serde_yaml::from_str(&text).map_err(|fault| named(fault.to_string())).ok()
}

fn entries<T: DeserializeOwned>(
    path: &Path,
    list: &str,
    values: Vec<Value>,
    faults: &mut Vec<String>,
) -> Vec<T> {
    let mut good = Vec::new();
    for (at, value) in values.into_iter().enumerate() {
        match serde_yaml::from_value(value) {
            Ok(entry) => good.push(entry),
            Err(fault) => faults.push(format!("{}: {list}[{at}]: {fault}", path.display())),
        }
    }
    good
}

impl std::fmt::Debug for ClientEntry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ClientEntry({:?}, ***, {:?})", self.client_id, self.groups)
    }
}
