//! What is wrong with a submitted server.

use std::net::IpAddr;

use serde_json::{Map, Value};
use url::Host;

use super::{ServerDraft, limits, transports};
use crate::address::is_never_called;
use crate::fields::{string_list, text};
use crate::place::ServerName;
use crate::validate::{MAX_CARD_BYTES, flag, optional_text, web_address};
use crate::{CardRules, Faults};

/// The longest audience.
const LONGEST_AUDIENCE: usize = 2048;

/// Where others keep credentials in clear. Here everybody who finds the server would read them.
const EXPOSED: [&str; 9] = [
    "access_token",
    "api_key",
    "apiKey",
    "auth_credential",
    "auth_token",
    "client_secret",
    "password",
    "secret",
    "token",
];

impl ServerDraft {
    /// The fields of a card from elsewhere in which a secret would stand in clear, for everybody who finds the
    /// server.
    pub fn exposed(card: &Map<String, Value>) -> impl Iterator<Item = &str> {
        let told =
            card.iter().filter(|(_, value)| !matches!(value, Value::Null) && value.as_str() != Some(""));
        told.map(|(field, _)| field.as_str()).filter(|field| *field != "headers" && is_exposed(field))
    }
}

fn is_exposed(field: &str) -> bool {
    EXPOSED.contains(&field) || field.eq_ignore_ascii_case("headers")
}

/// Checks a server in the registry's spelling, without its headers and tools.
pub(super) fn check(card: &Map<String, Value>, rules: CardRules, faults: &mut Faults) {
    text(card, "server_name", "server_name", faults);
    text(card, "description", "description", faults);
    if let Some(address) = text(card, "proxy_pass_url", "proxy_pass_url", faults) {
        check_address(address, rules, faults);
    }
    if let Some(path) = optional_text(card, "path", faults)
        && let Err(fault) = ServerName::parse(path.strip_prefix('/').unwrap_or(path))
    {
        faults.add("path", fault.to_string());
    }
    optional_text(card, "license", faults);
    flag(card, "is_enabled", faults);
    if let Some(tags) = card.get("tags") {
        string_list(tags, "tags", faults);
    }
    transports(card.get("supported_transports"), faults);
    limits(card, faults);
    check_exchange(card.get("token_exchange"), faults);
    for field in card.keys() {
        if is_exposed(field) {
            faults.add(
                field,
                "would be read by everybody who finds the server: put what it wants to see into 'headers'",
            );
        }
    }
    let bytes = serde_json::to_vec(card).map_or(0, |json| json.len());
    if bytes > MAX_CARD_BYTES {
        faults.add("", format!("a server may be at most {MAX_CARD_BYTES} bytes long, this one has {bytes}"));
    }
}

fn check_address(address: &str, rules: CardRules, faults: &mut Faults) {
    const FIELD: &str = "proxy_pass_url";
    let Some(url) = web_address(address, FIELD, rules, faults) else { return };
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::from(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::from(ip)),
        Some(Host::Domain(_)) | None => None,
    };
    // A name is judged by what it leads to, each time right before the connection is made.
    if literal.is_some_and(is_never_called) {
        faults.add(FIELD, "is an address that is never called from here");
    }
    if url.fragment().is_some() {
        faults.add(FIELD, "must not have a fragment: it is never sent");
    }
    if url.query().is_some() {
        faults.add(
            FIELD,
            "must not have a query: everyone who finds the server would read it; put secrets into 'headers'",
        );
    }
}

fn check_exchange(exchange: Option<&Value>, faults: &mut Faults) {
    let Some(exchange) = exchange.filter(|exchange| !exchange.is_null()) else { return };
    let Value::Object(exchange) = exchange else {
        return faults.add("token_exchange", "must be an object {\"audience\": \"https://…\"}");
    };
    let field = "token_exchange.audience";
    if let Some(audience) = text(exchange, "audience", field, faults)
        && (audience.len() > LONGEST_AUDIENCE || !audience.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        faults
            .add(field, format!("must be up to {LONGEST_AUDIENCE} visible ASCII characters, without spaces"));
    }
}
