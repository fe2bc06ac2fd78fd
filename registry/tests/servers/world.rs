//! What tests of servers do again and again.

use serde_json::{Value, json};

use crate::common::{Answer, Role, World};

/// A card of a server that nobody answers for.
pub(crate) fn card(name: &str) -> Value {
    at(name, "http://127.0.0.1:1/mcp")
}

/// A card of a server at an address.
pub(crate) fn at(name: &str, url: &str) -> Value {
    json!({"server_name": name, "description": format!("Serves {name}"), "path": format!("/{name}"),
        "proxy_pass_url": url, "tags": ["time"]})
}

impl World {
    /// Registers a server.
    pub(crate) async fn server(&self, card: Value) -> Answer {
        self.ask(Role::Admin, "POST", "/api/servers", Some(card)).await.is(201)
    }

    /// What an admin reads at an address.
    pub(crate) async fn read(&self, target: &str) -> Value {
        self.ask(Role::Admin, "GET", target, None).await.is(200).json()
    }

    /// Checks a server: its health.
    pub(crate) async fn check(&self, name: &str) -> Value {
        self.ask(Role::Admin, "POST", &format!("/api/servers/{name}/health"), None).await.is(200).json()
    }

    /// The names of a server's tools.
    pub(crate) async fn tools(&self, name: &str) -> Vec<String> {
        let list = self.read(&format!("/api/servers/{name}/tools")).await;
        let name = |tool: &Value| tool["name"].as_str().expect("a name").to_owned();
        list["tools"].as_array().expect("a list").iter().map(name).collect()
    }
}
