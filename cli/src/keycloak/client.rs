//! The client of an agent: confidential, and nothing but its service account switched on.

use serde_json::{Value, json};

use super::admin::Admin;
use super::fit;
use super::steps::Step;
use crate::http::segment;
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
        fit::for_an_agent(admin, &client)?;
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
        fit::for_an_agent(admin, &client)?;
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
        steps
            .push(Step::broken(format!("client {} is switched off: --enable would switch it on", client.id)));
        return Ok(());
    }
    admin.put(&client.path, Some(&json!({"enabled": true})), "switch the client on")?;
    steps.push(Step::changed(format!("client {} is switched on", client.id)));
    Ok(())
}

/// The user that is the client's service account.
pub(super) fn account(admin: &Admin, client: &Client) -> Result<Option<String>, Failure> {
    let found = admin.find(&format!("{}/service-account-user", client.path), "read the service account")?;
    Ok(found.and_then(|user| user["id"].as_str().map(str::to_owned)))
}

/// What an agent needs, and nothing else.
pub(super) fn wanted(id: &str) -> Value {
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
