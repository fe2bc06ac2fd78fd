//! The client of an agent: confidential, and nothing but its service account switched on.

use serde_json::{Value, json};

use super::admin::{Admin, segment};
use super::steps::Step;
use crate::outcome::Failure;

/// A client as Keycloak keeps it.
#[derive(Debug)]
pub(super) struct Client {
    /// The public name.
    pub(super) id: String,
    /// Its address in the admin API.
    pub(super) path: String,
    /// All of it.
    pub(super) value: Value,
}

impl Client {
    fn read(value: &Value) -> Option<Client> {
        let path = format!("/clients/{}", value["id"].as_str()?);
        Some(Client { id: value["clientId"].as_str()?.to_owned(), path, value: value.clone() })
    }
}

/// The client of that name.
pub(super) fn find(admin: &Admin, id: &str) -> Result<Option<Client>, Failure> {
    let query = format!("/clients?clientId={}", segment(id));
    let found = admin.get(&query, "look for the client")?;
    let mut clients = found.as_array().into_iter().flatten().filter_map(Client::read);
    Ok(clients.find(|client| client.id == id))
}

/// All clients with a service account.
pub(super) fn accounts(admin: &Admin) -> Result<Vec<Client>, Failure> {
    let found = admin.get("/clients", "list the clients")?;
    let clients = found.as_array().into_iter().flatten();
    Ok(clients.filter(|client| client["serviceAccountsEnabled"] == true).filter_map(Client::read).collect())
}

/// Makes it, unless it is there. One that is there and does more than an agent needs is left alone.
pub(super) fn ensure(admin: &Admin, id: &str, steps: &mut Vec<Step>) -> Result<Client, Failure> {
    if let Some(client) = find(admin, id)? {
        fit(admin, &client)?;
        steps.push(Step::there(format!("client {id}")));
        return Ok(client);
    }
    let what = format!("make the client '{id}'");
    let made = admin.make("/clients", &wanted(id), &what)?;
    let client = find(admin, id)?.ok_or_else(|| admin.failure(&what, "it is not there afterwards"))?;
    if made {
        steps.push(Step::made(format!("client {id}")));
    } else {
        // Somebody else made it in this moment, maybe otherwise.
        fit(admin, &client)?;
        steps.push(Step::there(format!("client {id}")));
    }
    Ok(client)
}

/// Switches it on, or says that it is off.
pub(super) fn ensure_enabled(
    admin: &Admin,
    client: &Client,
    enable: bool,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    if client.value["enabled"] == true {
        return Ok(());
    }
    if !enable {
        steps.push(Step::left(format!("client {} is switched off: --enable would switch it on", client.id)));
        return Ok(());
    }
    admin.put(&client.path, Some(&json!({"enabled": true})), "switch the client on")?;
    steps.push(Step::changed(format!("client {} is switched on", client.id)));
    Ok(())
}

/// Whether a client is what this command makes.
///
/// # Errors
/// What else it is: `add-agent` must not take a sign-in page's client for an agent's.
pub(super) fn fit(admin: &Admin, client: &Client) -> Result<(), Failure> {
    let what = format!("use the client '{}'", client.id);
    unfit(&client.value).map_or(Ok(()), |why| {
        Err(admin
            .failure(&what, &format!("it is there and {why}: choose another id, or change it in Keycloak")))
    })
}

fn unfit(client: &Value) -> Option<&'static str> {
    let is = |name: &str| client[name] == true;
    [
        (client["protocol"] != "openid-connect", "does not speak OpenID Connect"),
        (is("publicClient") || is("bearerOnly"), "has no secret"),
        (client["clientAuthenticatorType"] != "client-secret", "does not sign in with a secret"),
        (!is("serviceAccountsEnabled"), "has no service account"),
        (is("standardFlowEnabled") || is("implicitFlowEnabled"), "signs people in"),
        (is("directAccessGrantsEnabled"), "takes people's passwords"),
    ]
    .into_iter()
    .find_map(|(wrong, why)| wrong.then_some(why))
}

fn wanted(id: &str) -> Value {
    json!({
        "clientId": id,
        "name": id,
        "description": "Service account of an agent",
        "protocol": "openid-connect",
        "enabled": true,
        "clientAuthenticatorType": "client-secret",
        "publicClient": false,
        "bearerOnly": false,
        "serviceAccountsEnabled": true,
        "standardFlowEnabled": false,
        "implicitFlowEnabled": false,
        "directAccessGrantsEnabled": false,
        "fullScopeAllowed": false,
        "redirectUris": [],
        "webOrigins": [],
    })
}

#[cfg(test)]
mod tests {
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
            assert_eq!(unfit(&client), Some(why), "{name}");
        }
    }
}
