//! The OpenAPI document: a product, because people generate clients from it.
//!
//! poem-openapi writes it; what its output lacks for generators is mended here, once
//! at start (design page "openapi-clients"). The same bytes stand in `docs/api/registry.json`.

use std::sync::Arc;

use poem_openapi::{ContactObject, LicenseObject, OpenApiService};
use serde_json::{Value, json};

use crate::App;
use crate::agents::Agents;
use crate::changes::Changes;
use crate::discover::Discovery;
use crate::health::System;
use crate::policy::Access;
use crate::servers::Servers;

/// All operations of the registry.
pub(crate) type Api = (Agents, Servers, Changes, Discovery, Access, System);

/// The operations, ready to be served and documented.
pub(crate) fn service(app: &Arc<App>) -> OpenApiService<Api, ()> {
    let app = || app.clone();
    described((Agents(app()), Servers(app()), Changes(app()), Discovery(app()), Access(app()), System(app())))
}

fn described(api: Api) -> OpenApiService<Api, ()> {
    OpenApiService::new(api, "Agent registry", env!("CARGO_PKG_VERSION"))
        .description("Agents register their cards here; others find them and then talk to them directly.")
        .contact(ContactObject::new().name("The operators of this registry"))
        .license(LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"))
}

/// The OpenAPI document of a registry, as it is served.
pub fn openapi_document(app: &Arc<App>) -> String {
    document(&service(app), &app.public_url)
}

/// The mended document as pretty JSON with a line break at its end.
pub(crate) fn document(service: &OpenApiService<Api, ()>, server: &str) -> String {
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["servers"] = json!([{ "url": server }]);
    mend(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        for item in paths.values_mut() {
            for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
                keep_possible_errors(operation);
            }
        }
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Which refusals each operation can answer with; every protected one also 401, 500 and 503.
const REFUSALS: [(&str, &[&str]); 25] = [
    ("registerAgent", &["400", "403", "409", "413", "415", "422"]),
    ("listAgents", &["400", "422"]),
    ("getAgent", &["400", "403", "404"]),
    ("updateAgent", &["400", "403", "404", "412", "413", "415", "422"]),
    ("patchAgent", &["400", "403", "404", "412", "413", "415", "422"]),
    ("deleteAgent", &["400", "403", "404", "412"]),
    ("toggleAgent", &["400", "403", "404", "412", "413", "415", "422"]),
    ("getAgentHistory", &["400", "403", "404", "422"]),
    ("registerServer", &["400", "403", "409", "413", "415", "422"]),
    ("listServers", &["400", "422"]),
    ("getServer", &["400", "403", "404"]),
    ("updateServer", &["400", "403", "404", "412", "413", "415", "422"]),
    ("patchServer", &["400", "403", "404", "412", "413", "415", "422"]),
    ("deleteServer", &["400", "403", "404", "412"]),
    ("toggleServer", &["400", "403", "404", "412", "413", "415", "422"]),
    ("listServerTools", &["400", "403", "404"]),
    ("checkServer", &["400", "403", "404", "429"]),
    ("getServerHistory", &["400", "403", "404", "422"]),
    ("listChanges", &["400", "410", "422", "429"]),
    ("discoverAgents", &["400", "413", "415", "422"]),
    ("discoverAgentsSemantic", &["400", "413", "415", "422"]),
    ("searchSemantic", &["400", "413", "415", "422"]),
    ("explainAccess", &["400", "403", "413", "415", "422"]),
    ("simulateAccess", &["400", "403", "413", "415", "422"]),
    ("health", &[]),
];

/// The framework documents every error it is shown on every operation.
fn keep_possible_errors(operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let possible = REFUSALS.iter().find(|(operation, _)| *operation == id).map_or(&[][..], |(_, list)| list);
    let protected = operation.get("security").is_some();
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.retain(|status, _| {
            status.starts_with('2')
                || status.starts_with('3')
                || possible.contains(&status.as_str())
                || (protected && ["401", "500", "503"].contains(&status.as_str()))
        });
    }
}

/// Headers whose case the framework has lost.
const HEADERS: [(&str, &str); 2] = [("ETAG", "ETag"), ("LOCATION", "Location")];

/// Mends every level of the document.
fn mend(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let keys: Vec<String> = object.keys().cloned().collect();
            for key in keys {
                let better = match key.as_str() {
                    "application/json; charset=utf-8" => Some("application/json"),
                    _ => HEADERS.iter().find(|(lost, _)| *lost == key).map(|(_, right)| *right),
                };
                if let Some(better) = better
                    && let Some(value) = object.shift_remove(&key)
                {
                    object.insert(better.to_owned(), value);
                }
            }
            // Counts are never negative; `uint32` and `uint64` are no formats that OpenAPI 3.0 knows.
            for (unsigned, format) in [("uint32", "int32"), ("uint64", "int64")] {
                if object.get("format").is_some_and(|held| held == unsigned) {
                    object.insert("format".to_owned(), json!(format));
                    object.entry("minimum").or_insert(json!(0));
                }
            }
            // An integer's limits are integers: generators in typed languages stumble over `1.0`.
            if object.get("type").is_some_and(|ty| ty == "integer") {
                for limit in ["minimum", "maximum"] {
                    if let Some(number) = object.get(limit).and_then(Value::as_f64) {
                        object.insert(limit.to_owned(), json!(number as i64));
                    }
                }
            }
            object.values_mut().for_each(mend);
        }
        Value::Array(items) => items.iter_mut().for_each(mend),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The methods each path of the document knows, as `Allow` lists them.
pub(crate) fn methods(document: &str) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    let allow = |item: &Value| {
        let mut methods: Vec<String> = item
            .as_object()
            .into_iter()
            .flat_map(|item| item.keys())
            .map(|method| method.to_uppercase())
            .collect();
        if methods.iter().any(|method| method == "GET") {
            methods.push("HEAD".to_owned());
        }
        methods.sort();
        methods.join(", ")
    };
    paths.iter().map(|(path, item)| (path.clone(), allow(item))).collect()
}
