//! What is wrong with a card: every fault, each with its field (design page "registry-api", "Validation").

use std::net::IpAddr;

use access::Visibility;
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::fields::{string_list, text, web_url};
use crate::{EntryPath, Faults, TrustLevel, schemes, skills};

/// The largest card, in bytes of compact JSON.
pub(crate) const MAX_CARD_BYTES: usize = 256 * 1024;

/// What an operator may loosen.
#[derive(Clone, Copy, Debug, Default)]
pub struct CardRules {
    /// Accept `http://` for hosts that are neither loopback nor private.
    pub allow_plain_http: bool,
}

/// Checks a card in the guide's spelling.
pub(crate) fn check(card: &Map<String, Value>, rules: CardRules, faults: &mut Faults) {
    text(card, "name", "name", faults);
    text(card, "description", "description", faults);
    if let Some(url) = text(card, "url", "url", faults) {
        web_address(url, "url", rules, faults);
    }
    if let Some(path) = optional_text(card, "path", faults)
        && let Err(fault) = EntryPath::parse(path)
    {
        faults.add("path", fault.to_string());
    }
    if let Some(version) = optional_text(card, "protocol_version", faults)
        && !is_protocol_version(version)
    {
        faults.add("protocol_version", "must be X.Y or X.Y.Z, e.g. \"1.0\"");
    }
    optional_text(card, "version", faults);
    optional_text(card, "license", faults);
    flag(card, "streaming", faults);
    flag(card, "is_enabled", faults);
    for name in ["tags", "allowed_groups"] {
        if let Some(list) = card.get(name) {
            string_list(list, name, faults);
        }
    }
    check_provider(card, faults);
    check_visibility(card, faults);
    if let Some(trust) = optional_text(card, "trust_level", faults)
        && TrustLevel::named(trust).is_none()
    {
        faults.add("trust_level", "must be unverified, community, verified or trusted");
    }
    skills::check(card, faults);
    schemes::check(card, faults);
    let bytes = serde_json::to_vec(card).map_or(0, |json| json.len());
    if bytes > MAX_CARD_BYTES {
        faults.add("", format!("a card may be at most {MAX_CARD_BYTES} bytes long, this one has {bytes}"));
    }
}

pub(crate) fn optional_text<'c>(
    card: &'c Map<String, Value>,
    name: &str,
    faults: &mut Faults,
) -> Option<&'c str> {
    card.get(name).and_then(|_| text(card, name, name, faults))
}

pub(crate) fn flag(card: &Map<String, Value>, name: &str, faults: &mut Faults) {
    if card.get(name).is_some_and(|value| !value.is_boolean()) {
        faults.add(name, "must be true or false");
    }
}

/// `X.Y` or `X.Y.Z`, decimal numbers all.
fn is_protocol_version(version: &str) -> bool {
    let numbers: Vec<&str> = version.split('.').collect();
    (2..=3).contains(&numbers.len())
        && numbers
            .iter()
            .all(|part| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
}

/// An address that everyone who finds the entry reads, and that is called over a network.
pub(crate) fn web_address(text: &str, field: &str, rules: CardRules, faults: &mut Faults) -> Option<Url> {
    let Some(url) = web_url(text) else {
        faults.add(field, "must be an absolute http or https URL with a host");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        faults
            .add(field, "must not carry a user name or password: everyone who finds the entry would read it");
    }
    let private = url.host().is_some_and(|host| is_private(&host));
    if url.scheme() == "http" && !rules.allow_plain_http && !private {
        faults.add(field, "must be https: plain http is accepted for loopback and private hosts only");
    }
    Some(url)
}

/// Hosts that do not leave the operator's own networks.
fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            !name.contains('.')
                || [".localhost", ".local", ".internal"].iter().any(|suffix| name.ends_with(suffix))
        }
        Host::Ipv4(ip) => ip.is_loopback() || ip.is_private(),
        Host::Ipv6(ip) => match IpAddr::from(*ip).to_canonical() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        },
    }
}

fn check_provider(card: &Map<String, Value>, faults: &mut Faults) {
    match card.get("provider") {
        None => {}
        Some(Value::String(_)) => {
            text(card, "provider", "provider", faults);
        }
        Some(Value::Object(provider)) => {
            text(provider, "organization", "provider.organization", faults);
            if let Some(url) = provider.get("url")
                && url.as_str().and_then(web_url).is_none()
            {
                faults.add("provider.url", "must be an absolute http or https URL");
            }
        }
        Some(_) => faults.add("provider", "must be a text or an object {organization, url}"),
    }
}

fn check_visibility(card: &Map<String, Value>, faults: &mut Faults) {
    let Some(name) = optional_text(card, "visibility", faults) else { return };
    let restricted = match Visibility::named(name) {
        Some(visibility) => visibility == Visibility::GroupRestricted,
        None => return faults.add("visibility", "must be public, private or group-restricted"),
    };
    let groups = card.get("allowed_groups").and_then(Value::as_array).map_or(0, Vec::len);
    if restricted && groups == 0 {
        faults.add("allowed_groups", "a group-restricted agent needs at least one allowed group");
    }
}
