//! Keycloak's administrator: realms, clients, groups and keys through its admin API.

use serde_json::{Value, json};
use xtask::keycloak::{ADMIN, Keycloak, REALM};
use xtask::stack::wait;

use super::{CLIENTS, must, secret};

/// Who may change everything.
pub(crate) struct Admin {
    url: String,
    password: String,
}

impl Admin {
    pub(crate) fn of(keycloak: &Keycloak) -> Self {
        Self { url: keycloak.url(), password: keycloak.admin_secret().to_owned() }
    }

    /// A copy of the realm file under another name, with the secrets of these tests, changed.
    pub(crate) async fn make_realm(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let file = xtask::root().join(format!("keycloak/{REALM}-realm.json"));
        let text = std::fs::read_to_string(file).expect("it is in the tree");
        let mut realm: Value = serde_json::from_str(&text).expect("it is JSON");
        realm["realm"] = json!(name);
        for client in realm["clients"].as_array_mut().expect("a list") {
            client["enabled"] = json!(true);
            let id = client["clientId"].as_str().unwrap_or_default().to_owned();
            if CLIENTS.contains(&id.as_str()) {
                client["secret"] = json!(secret(&id));
                client["clientAuthenticatorType"] = json!("client-secret");
            } else {
                client["redirectUris"] = json!([]);
                client["attributes"]["post.logout.redirect.uris"] = json!("");
            }
        }
        change(&mut realm);
        self.call(reqwest::Method::POST, "", Some(&realm)).await;
    }

    /// Reads; the path begins after `/admin/realms`.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, None).await
    }

    /// Makes something, and says its id.
    pub(crate) async fn make(&self, path: &str, body: &Value) -> String {
        let made = self.call(reqwest::Method::POST, path, Some(body)).await;
        made["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Replaces.
    pub(crate) async fn put(&self, path: &str, body: &Value) {
        self.call(reqwest::Method::PUT, path, Some(body)).await;
    }

    /// Takes away.
    pub(crate) async fn delete(&self, path: &str) {
        self.call(reqwest::Method::DELETE, path, None).await;
    }

    /// A client that signs in for itself, with these default scopes beside what is said.
    pub(crate) async fn make_client(&self, realm: &str, id: &str, scopes: &[&str], more: Value) {
        let mut client = json!({"clientId": id, "secret": secret(id), "serviceAccountsEnabled": true,
            "standardFlowEnabled": false, "fullScopeAllowed": false, "defaultClientScopes": scopes});
        for (key, value) in more.as_object().expect("an object") {
            client[key] = value.clone();
        }
        self.make(&format!("/{realm}/clients"), &client).await;
    }

    /// The id of a client's own user.
    pub(crate) async fn account(&self, realm: &str, client: &str) -> String {
        let found = self.get(&format!("/{realm}/users?exact=true&username=service-account-{client}")).await;
        found[0]["id"].as_str().expect("it has an account").to_owned()
    }

    /// The id of a group.
    pub(crate) async fn group(&self, realm: &str, name: &str) -> String {
        let found = self.get(&format!("/{realm}/groups?exact=true&search={name}")).await;
        found[0]["id"].as_str().expect("it is there").to_owned()
    }

    /// A key that signs from now on, before all of less priority; its component's id.
    pub(crate) async fn make_key(&self, realm: &str, provider: &str, priority: u32, config: Value) -> String {
        let parent = self.get(&format!("/{realm}")).await["id"].clone();
        let mut lists = json!({"priority": [priority.to_string()], "enabled": ["true"], "active": ["true"]});
        for (key, value) in config.as_object().expect("an object") {
            lists[key] = json!([value]);
        }
        let key = json!({"name": format!("{provider}-{priority}"), "parentId": parent, "providerId": provider,
            "providerType": "org.keycloak.keys.KeyProvider", "config": lists});
        self.make(&format!("/{realm}/components"), &key).await
    }

    /// Posts what is to be refused: the status and why.
    pub(crate) async fn refused(&self, path: &str, body: &str) -> String {
        let request = must(wait::client()).post(format!("{}/admin/realms{path}", self.url));
        let request = request.bearer_auth(self.token().await).header("content-type", "application/json");
        let answer = request.body(body.to_owned()).send().await.expect("Keycloak answers");
        format!("{} {}", answer.status(), answer.text().await.unwrap_or_default())
    }

    /// The administrator's tokens live for a minute: each call has its own.
    async fn token(&self) -> String {
        let signed_in = form(
            &format!("{}/realms/master/protocol/openid-connect/token", self.url),
            &[
                ("grant_type", "password"),
                ("client_id", "admin-cli"),
                ("username", ADMIN),
                ("password", &self.password),
            ],
        )
        .await;
        signed_in["access_token"].as_str().unwrap_or_else(|| panic!("{signed_in}")).to_owned()
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}/admin/realms{path}", self.url);
        let mut request = must(wait::client()).request(method.clone(), &url).bearer_auth(self.token().await);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap_or_else(|cause| panic!("{method} {url}: {cause}"));
        let status = answer.status();
        let made = answer.headers().get("location").and_then(|place| place.to_str().ok()).map(str::to_owned);
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{method} {url}: {status} {text}");
        match made {
            Some(place) => json!({"id": place.rsplit('/').next()}),
            None => serde_json::from_str(&text).unwrap_or_default(),
        }
    }
}

/// Sends a form and reads the answer, whatever its status.
pub(crate) async fn form(url: &str, fields: &[(&str, &str)]) -> Value {
    // No value of these tests holds a character that a form would have to escape.
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = must(wait::client()).post(url).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(body.join("&")).send().await;
    let answer = answer.unwrap_or_else(|cause| panic!("{url}: {cause}"));
    answer.json().await.unwrap_or_else(|cause| panic!("{url}: {cause}"))
}
