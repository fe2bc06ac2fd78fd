//! The OpenAPI document: golden, and written so that generators cope with it.

mod common;

use common::{Role, World};
use serde_json::Value;

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let world = World::new();
    let served = world.ask(Role::Nobody, "GET", "/api/openapi.json", None).await.is(200).text;
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api/registry.json");
    if std::env::var_os("ACCEPT").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api")).expect("a folder");
        std::fs::write(golden, &served).expect("written");
    }
    let committed = std::fs::read_to_string(golden).expect("docs/api/registry.json: run `make openapi`");
    assert!(
        served == committed,
        "the API has changed: read the difference of `make openapi`, then commit it"
    );
}

#[tokio::test]
async fn every_operation_has_what_generators_need() {
    let world = World::new();
    let document = world.ask(Role::Nobody, "GET", "/api/openapi.json", None).await.is(200).json();
    let text = document.to_string();
    for forbidden in ["oneOf", "anyOf", "charset=utf-8"] {
        assert!(!text.contains(forbidden), "{forbidden} stands in the document");
    }
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            operations += 1;
            let name = format!("{method} {path}");
            for field in ["operationId", "summary", "description"] {
                assert!(!operation[field].as_str().unwrap_or_default().is_empty(), "{name}: {field}");
            }
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}: one tag");
            let protected = operation.get("security").is_some();
            assert_eq!(protected, path.starts_with("/api/"), "{name}: security");
            let responses = operation["responses"].as_object().expect("responses");
            assert_eq!(responses.contains_key("401"), protected, "{name}: 401");
            for (status, response) in responses {
                assert!(
                    !response["description"].as_str().unwrap_or_default().is_empty(),
                    "{name} {status}: a text"
                );
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                if status.starts_with('4') || status.starts_with('5') {
                    assert_eq!(schema, "#/components/schemas/Problem", "{name} {status}");
                }
            }
        }
    }
    assert_eq!(operations, 25);
    assert_eq!(document["components"]["securitySchemes"]["bearerAuth"]["bearerFormat"], "JWT");
    no_default_in_all_of(&document);
}

fn no_default_in_all_of(value: &Value) {
    match value {
        Value::Object(object) => {
            assert!(!(object.contains_key("allOf") && object.contains_key("default")), "{value}");
            object.values().for_each(no_default_in_all_of);
        }
        Value::Array(items) => items.iter().for_each(no_default_in_all_of),
        _ => {}
    }
}

#[tokio::test]
async fn people_find_a_page_to_try_it() {
    let world = World::new();
    for target in ["/docs", "/docs/"] {
        let page = world.ask(Role::Nobody, "GET", target, None).await.is(200);
        assert!(page.text.contains("Swagger UI"), "{target}");
    }
}
