//! Whether a client that is there may be an agent's: confidential, its service account on, and no more power
//! than the agent's groups give it.

use serde_json::{Map, Value};

use super::admin::Admin;
use super::client::{Client, account};
use crate::outcome::Failure;

/// Other ways to a token, which a client is given by its attributes.
const GRANTS: [(&str, &str); 3] = [
    ("oauth2.device.authorization.grant.enabled", "signs people in by device codes"),
    ("oidc.ciba.grant.enabled", "signs people in by CIBA"),
    ("standard.token.exchange.enabled", "exchanges tokens of others"),
];

/// Whether its secret may go to a file of `token get`.
///
/// # Errors
/// What else it is: a sign-in page's client must not be taken for an agent's.
pub(super) fn to_sign_in(admin: &Admin, client: &Client) -> Result<(), Failure> {
    refuse(admin, client, unfit(&client.value))
}

/// Whether it may become an agent's, and its secret be handed to the agent.
///
/// # Errors
/// What else it is or may do.
pub(super) fn for_an_agent(admin: &Admin, client: &Client) -> Result<(), Failure> {
    to_sign_in(admin, client)?;
    refuse(admin, client, mighty(&client.value))?;
    let Some(user) = account(admin, client)? else { return Ok(()) };
    let what = "read the roles of the service account";
    let held = admin.get(&format!("/users/{user}/role-mappings"), what)?;
    refuse(admin, client, surplus(&held, admin.realm()))
}

fn refuse(admin: &Admin, client: &Client, why: Option<String>) -> Result<(), Failure> {
    let Some(why) = why else { return Ok(()) };
    let what = format!("use the client '{}'", client.id);
    Err(admin.failure(&what, &format!("it is there and {why}: choose another id, or change it in Keycloak")))
}

fn unfit(client: &Value) -> Option<String> {
    let is = |name: &str| client[name] == true;
    first([
        (client["protocol"] != "openid-connect", "does not speak OpenID Connect"),
        (is("publicClient") || is("bearerOnly"), "has no secret"),
        (client["clientAuthenticatorType"] != "client-secret", "does not sign in with a secret"),
        (!is("serviceAccountsEnabled"), "has no service account"),
        (is("standardFlowEnabled") || is("implicitFlowEnabled"), "signs people in"),
        (is("directAccessGrantsEnabled"), "takes people's passwords"),
    ])
}

/// What an agent's client has no need of.
fn mighty(client: &Value) -> Option<String> {
    let grants = GRANTS.map(|(name, why)| {
        let value = &client["attributes"][name];
        (value == "true" || value == true, why)
    });
    first(grants).or_else(|| {
        first([
            (client["authorizationServicesEnabled"] == true, "decides on access (authorization services)"),
            // What is not said is on, to Keycloak.
            (
                client["fullScopeAllowed"] != false,
                "puts every role of its account into its tokens (full scope)",
            ),
        ])
    })
}

/// The roles of an account that the realm does not give to everybody.
fn surplus(held: &Value, realm: &str) -> Option<String> {
    let name = |role: &Value| role["name"].as_str().unwrap_or("a role without a name").to_owned();
    let list = |roles: &Value| roles.as_array().into_iter().flatten().map(name).collect::<Vec<_>>();
    let mut roles = list(&held["realmMappings"]);
    // Keycloak's own name for what everybody gets.
    roles.retain(|role| *role != format!("default-roles-{}", realm.to_lowercase()));
    let of_clients = held["clientMappings"].as_object().into_iter().flat_map(Map::iter);
    for (client, mapping) in of_clients {
        roles.extend(list(&mapping["mappings"]).into_iter().map(|role| format!("{client}/{role}")));
    }
    (!roles.is_empty()).then(|| format!("its account has roles of its own ({})", roles.join(", ")))
}

fn first<const N: usize>(faults: [(bool, &str); N]) -> Option<String> {
    faults.into_iter().find_map(|(wrong, why)| wrong.then(|| why.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::client::wanted;
    use super::*;

    #[test]
    fn what_is_made_fits_and_what_signs_people_in_does_not() {
        assert_eq!(unfit(&wanted("a")), None);
        for (name, value, why) in [
            ("standardFlowEnabled", json!(true), "signs people in"),
            ("publicClient", json!(true), "has no secret"),
            ("serviceAccountsEnabled", json!(false), "has no service account"),
            ("directAccessGrantsEnabled", json!(true), "takes people's passwords"),
            ("clientAuthenticatorType", json!("client-jwt"), "does not sign in with a secret"),
            ("protocol", json!("saml"), "does not speak OpenID Connect"),
        ] {
            let mut client = wanted("a");
            client[name] = value;
            assert_eq!(unfit(&client).as_deref(), Some(why), "{name}");
        }
    }

    #[test]
    fn a_client_with_more_power_is_no_agents() {
        let mut plain = wanted("a");
        plain["attributes"] = json!({"oidc.ciba.grant.enabled": "false", "realm_client": "false"});
        assert_eq!((mighty(&wanted("a")), mighty(&plain)), (None, None));
        for (name, value, part) in [
            ("fullScopeAllowed", json!(true), "full scope"),
            ("fullScopeAllowed", Value::Null, "full scope"),
            ("authorizationServicesEnabled", json!(true), "authorization services"),
            ("attributes", json!({"oauth2.device.authorization.grant.enabled": "true"}), "device codes"),
            ("attributes", json!({"oidc.ciba.grant.enabled": "true"}), "CIBA"),
            ("attributes", json!({"standard.token.exchange.enabled": "true"}), "exchanges tokens"),
        ] {
            let mut client = wanted("a");
            client[name] = value.clone();
            assert!(mighty(&client).is_some_and(|why| why.contains(part)), "{name} {value}");
        }
    }

    #[test]
    fn only_everybodys_roles_are_no_surplus() {
        let everybodys = json!([{"name": "default-roles-agents"}]);
        for (held, expected) in [
            (json!({}), None),
            (json!({"realmMappings": everybodys}), None),
            (json!({"realmMappings": [{"name": "default-roles-agents"}, {"name": "admin"}]}), Some("admin")),
            (
                json!({"realmMappings": everybodys, "clientMappings": {"realm-management":
                    {"client": "realm-management", "mappings": [{"name": "realm-admin"}]}}}),
                Some("realm-management/realm-admin"),
            ),
        ] {
            let expected = expected.map(|roles| format!("its account has roles of its own ({roles})"));
            assert_eq!(surplus(&held, "Agents"), expected, "{held}");
        }
    }
}
