//! The realm's file in `keycloak/`, and the variables of Keycloak's environment that it reads while it is imported.

use std::path::PathBuf;

use super::REALM;

const TEXT: &str = include_str!("../../../keycloak/mcp-gateway-realm.json");
/// The client for people in a browser.
pub(super) const WEB: &str = "mcp-gateway-web";
/// Where that client's browsers come back to.
pub(super) const GATEWAY: &str = "MCP_GATEWAY_URL";

/// Where the file lies.
pub(super) fn file() -> PathBuf {
    crate::root().join(format!("keycloak/{REALM}-realm.json"))
}

/// The variable that holds a client's secret: `lob1-bot` → `LOB1_BOT_SECRET`.
#[must_use]
pub fn variable(client: &str) -> String {
    named(client, "SECRET")
}

/// The variable that switches a client on: `lob1-bot` → `LOB1_BOT_ENABLED`.
#[must_use]
pub fn enabling(client: &str) -> String {
    named(client, "ENABLED")
}

/// Whether the file reads this variable.
pub(super) fn reads(name: &str) -> bool {
    TEXT.contains(&format!("${{{name}:"))
}

fn named(client: &str, what: &str) -> String {
    format!("{}_{what}", client.to_ascii_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    /// As Keycloak does it: in the text of the file, before it is JSON; the innermost first; the first colon ends
    /// the name; a name that is empty, or not set and without a default, stays as it stands.
    fn filled_in(text: &str, variables: &BTreeMap<String, String>) -> String {
        let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
        let (mut depth, mut end) = (1, rest.len());
        for (at, letter) in rest.char_indices() {
            depth = match letter {
                '{' if rest[..at].ends_with('$') => depth + 1,
                '}' => depth - 1,
                _ => depth,
            };
            if depth == 0 {
                end = at;
                break;
            }
        }
        let inner = filled_in(&rest[..end], variables);
        let (name, default) = inner.split_once(':').map_or((&*inner, None), |(name, it)| (name, Some(it)));
        let value = variables.get(name).map(String::as_str).or(default).filter(|_| !name.is_empty());
        let value = value.map_or_else(|| format!("${{{inner}}}"), str::to_owned);
        format!("{before}{value}{}", filled_in(&rest[end + 1..], variables))
    }

    fn client(id: &str, variables: &[(&str, &str)]) -> Value {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let filled = filled_in(TEXT, &variables.collect());
        let realm: Value = serde_json::from_str(&filled).expect("it is JSON, however it is filled in");
        let clients = realm["clients"].as_array().expect("a list");
        clients.iter().find(|client| client["clientId"] == id).expect("it is there").clone()
    }

    #[test]
    fn a_client_signs_in_when_it_is_switched_on_and_has_a_secret() {
        let clients = ["mcp-gateway-m2m", "registry-admin", "lob1-bot", "lob2-bot", "stranger-bot"];
        for id in clients {
            let (secret, on) = (variable(id), enabling(id));
            for (variables, signs_in) in [
                (&[(&*secret, "a-secret"), (&*on, "true")][..], true),
                (&[(&*secret, "a-secret")], false),
                (&[(&*secret, "a-secret"), (&*on, "")], false),
                (&[(&*secret, ""), (&*on, "true")], false),
                (&[(&*secret, "")], false),
                (&[(&*on, "true")], false),
                (&[], false),
            ] {
                let client = client(id, variables);
                let enabled = client["enabled"] == "true";
                let by_secret = client["clientAuthenticatorType"] == "client-secret";
                assert_eq!(enabled && by_secret, signs_in, "{variables:?}: {client}");
                assert!(!signs_in || client["secret"] == "a-secret", "{client}");
            }
        }
        let accounts = TEXT.matches("\"serviceAccountsEnabled\": true").count();
        assert_eq!(accounts, clients.len());
    }

    #[test]
    fn browsers_come_back_to_one_place_and_only_when_that_is_switched_on() {
        assert_eq!(client(WEB, &[])["enabled"], "false");
        let on = client(WEB, &[(&*enabling(WEB), "true"), (GATEWAY, "https://gateway.example.com")]);
        assert_eq!(
            (&on["enabled"], &on["redirectUris"], &on["webOrigins"]),
            (&json!("true"), &json!(["https://gateway.example.com/oauth2/callback"]), &json!([]))
        );
        assert_eq!(on["attributes"]["post.logout.redirect.uris"], "https://gateway.example.com/");
        assert!(!TEXT.contains("/*\"") && !TEXT.contains("\"+\""), "a wildcard");
    }

    #[test]
    fn what_the_file_reads_is_known() {
        for name in [GATEWAY, &enabling(WEB), &variable("lob2-bot"), &enabling("registry-admin")] {
            assert!(reads(name), "{name}");
        }
        assert!(!reads("PATH") && !reads("JAVA_HOME") && !reads("LOB2_BOT"));
    }
}
