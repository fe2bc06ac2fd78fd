//! The admin API's MCP servers: names that are each one server's, and the secret they introspect with.

use serde_json::{Value, json};

use super::org::{FINANCE, FINANCE_URN, Org, api_error, oauth_error};
use crate::stack::NOW;

async fn shown(org: &Org, name: &str) -> Value {
    let answer = org.admin(&format!("GET /admin/mcp/servers/{name}"), Value::Null).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    answer.json()["data"].take()
}

#[tokio::test]
async fn a_target_is_made_in_either_spelling() {
    let org = Org::open().await;
    let snake = json!({
        "name": "Financial Data", "slug": "fin-1", "resource_uri": "https://one", "aliases": ["urn:one", "urn:one"],
        "required_capability": "mcp:financial", "scopes_supported": ["mcp:financial", "a:b"], "token_lifetime": 30,
        "more": 1,
    });
    let camel = json!({
        "name": "Financial Data", "slug": "fin-2", "resourceUri": "http://two:8080/x?y=z", "aliases": ["urn:two"],
        "requiredCapability": "mcp:financial", "scopesSupported": ["mcp:financial", "a:b"], "tokenLifetime": 600,
    });
    for (line, body, uri, alias, life) in [
        ("POST /admin/mcp/servers", snake, "https://one", "urn:one", 30),
        ("POST ///t/default/api/v1/admin/mcp//servers", camel, "http://two:8080/x?y=z", "urn:two", 600),
    ] {
        let slug = body["slug"].clone();
        let answer = org.admin(line, body).await;
        assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"), "{answer:?}");
        assert!(answer.json()["message"].is_string());
        let mut data = answer.json()["data"].take();
        let secret = data.as_object_mut().unwrap().remove("introspectionSecret").unwrap();
        assert!(secret.as_str().is_some_and(|secret| secret.len() > 40), "256 bits");
        let id = data["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("mcp_") && id.len() == 36, "{id}");
        let mut expected = json!({
            "id": id, "slug": slug, "name": "Financial Data", "resourceUri": uri, "aliases": [alias],
            "requiredCapability": "mcp:financial", "scopesSupported": ["mcp:financial", "a:b"],
            "tokenLifetime": life, "createdAt": NOW, "updatedAt": NOW,
        });
        expected["createdBy"] = data["createdBy"].clone();
        assert_eq!(data, expected);
        for name in [&id, slug.as_str().unwrap()] {
            assert_eq!(shown(&org, name).await, expected, "without the secret");
        }
    }
    let least = org.target(json!({"name": "Least of all", "resource_uri": "https://least"})).await;
    assert_eq!(
        (&least["slug"], &least["tokenLifetime"], &least["aliases"], &least["scopesSupported"]),
        (&json!("least-of-all"), &json!(300), &json!([]), &json!([]))
    );
    assert!(least["requiredCapability"].is_null());
}

#[tokio::test]
async fn every_fault_is_told_with_its_field() {
    let org = Org::open().await;
    let target = org.target(json!({"name": "Good", "resource_uri": "https://good"})).await;
    let put = format!("PUT /admin/mcp/servers/{}", target["id"].as_str().unwrap());
    let uri = |uri: &str| json!({"name": "a", "resource_uri": uri});
    let with = |name: &str, value: Value| {
        let mut body = uri("https://a");
        body[name] = value;
        body
    };
    for (body, fields) in [
        (json!({}), vec!["name", "resource_uri"]),
        (json!({"name": "a"}), vec!["resource_uri"]),
        (json!({"resource_uri": "https://a", "slug": "a"}), vec!["name"]),
        (uri(""), vec!["resource_uri"]),
        (uri("mcp.example.com"), vec!["resource_uri"]),
        (uri("/path"), vec!["resource_uri"]),
        (uri("urn:mcp:x"), vec!["resource_uri"]),
        (uri("ftp://x"), vec!["resource_uri"]),
        (uri("https://"), vec!["resource_uri"]),
        (uri("https://x#fragment"), vec!["resource_uri"]),
        (uri("https://user@x"), vec!["resource_uri"]),
        (uri("https://user:pass@x"), vec!["resource_uri"]),
        (uri("https://x/a b"), vec!["resource_uri"]),
        (uri(" https://x"), vec!["resource_uri"]),
        (uri("https://ü"), vec!["resource_uri"]),
        (uri("javascript:alert(1)"), vec!["resource_uri"]),
        (uri(&format!("https://{}", "x".repeat(2048))), vec!["resource_uri"]),
        (with("resource_uri", json!(["https://a"])), vec!["resource_uri"]),
        (with("aliases", json!(["", "a b", "ä", "mcp_0", 5, "fine"])), {
            vec!["aliases[0]", "aliases[1]", "aliases[2]", "aliases[3]", "aliases[4]"]
        }),
        (with("aliases", json!("urn:x")), vec!["aliases"]),
        (with("aliases", json!(["https://a"])), vec!["aliases"]),
        (with("required_capability", json!("")), vec!["required_capability"]),
        (with("required_capability", json!("read")), vec!["required_capability"]),
        (with("required_capability", json!("admin:agents:write")), vec!["required_capability"]),
        (with("required_capability", json!(["a:b"])), vec!["required_capability"]),
        (with("scopes_supported", json!(["a:b", "x", "admin:y"])), {
            vec!["scopes_supported[1]", "scopes_supported[2]"]
        }),
        (with("token_lifetime", json!(29)), vec!["token_lifetime"]),
        (with("token_lifetime", json!(601)), vec!["token_lifetime"]),
        (with("token_lifetime", json!("300")), vec!["token_lifetime"]),
        (with("token_lifetime", json!(u64::MAX)), vec!["token_lifetime"]),
        (with("resourceUri", json!("https://b")), vec!["resource_uri"]),
        (with("tokenLifetime", json!(60)), vec![]),
        (with("slug", json!("A")), vec!["slug"]),
    ] {
        for line in ["POST /admin/mcp/servers", put.as_str()] {
            if fields.is_empty() || line.starts_with("PUT") && fields.contains(&"slug") {
                continue;
            }
            let mut told = api_error(&org.admin(line, body.clone()).await, 422, "validation_failed");
            let mut fields = fields.clone();
            told.sort();
            fields.sort_unstable();
            assert_eq!(told, fields, "{line} {body}");
        }
    }
    let list = org.admin("GET /admin/mcp/servers", Value::Null).await.json();
    assert_eq!(list["meta"]["total"], 1, "nothing was made of all these");
}

#[tokio::test]
async fn no_address_has_a_password() {
    let org = Org::open().await;
    let body = json!({"name": "a", "resource_uri": "https://:secret@host/x"});
    let answer = org.admin("POST /admin/mcp/servers", body).await;
    assert_eq!(api_error(&answer, 422, "validation_failed"), ["resource_uri"]);
}

#[tokio::test]
async fn every_name_is_one_servers() {
    let (org, agent) = Org::furnished().await;
    let documents = shown(&org, "documents").await;
    let id = documents["id"].as_str().unwrap();
    let uri = |uri: &str, aliases: Value| json!({"name": "Third", "resource_uri": uri, "aliases": aliases});
    let slug = json!({"name": "Third", "slug": "documents", "resource_uri": "https://third"});
    for (what, body) in [
        ("slug", slug),
        ("a name that gives the slug", json!({"name": "Documents", "resource_uri": "https://third"})),
        ("URI", uri(FINANCE, json!([]))),
        ("alias", uri("https://third", json!(["urn:x", FINANCE_URN]))),
        ("alias that is a URI", uri("https://third", json!([FINANCE]))),
    ] {
        let answer = org.admin("POST /admin/mcp/servers", body.clone()).await;
        assert!(api_error(&answer, 409, "conflict").is_empty(), "{what}");
        // As it is when it is changed, and nothing of it is done.
        let changed =
            org.admin("POST /admin/mcp/servers", json!({"name": "Own", "resource_uri": "https://own"})).await;
        let own = changed.json()["data"]["id"].as_str().unwrap().to_owned();
        if what != "a name that gives the slug" {
            let answer = org.admin(&format!("PUT /admin/mcp/servers/{own}"), body).await;
            api_error(&answer, 409, "conflict");
        }
        assert_eq!(shown(&org, &own).await["resourceUri"], "https://own", "{what}");
        assert_eq!(org.admin(&format!("DELETE /admin/mcp/servers/{own}"), Value::Null).await.status, 200);
    }
    let looks_like_an_id = org.admin("POST /admin/mcp/servers", uri("https://third", json!([id]))).await;
    assert_eq!(api_error(&looks_like_an_id, 422, "validation_failed"), ["aliases[0]"]);
    // A URI as another's alias.
    let alias = uri("https://third", json!(["https://fourth"]));
    assert_eq!(org.admin("POST /admin/mcp/servers", alias).await.status, 201);
    let body = json!({"name": "Fourth", "resource_uri": "https://fourth"});
    api_error(&org.admin("POST /admin/mcp/servers", body).await, 409, "conflict");
    // Its own names it may keep, swap and give away.
    let own = json!({"name": "Third", "resource_uri": "https://fourth", "aliases": ["https://third"]});
    assert_eq!(org.admin("PUT /admin/mcp/servers/third", own).await.status, 200);
    assert_eq!(org.admin("DELETE /admin/mcp/servers/third", Value::Null).await.status, 200);
    let body = json!({"name": "Fourth", "resource_uri": "https://third", "aliases": ["https://fourth"]});
    assert_eq!(org.admin("POST /admin/mcp/servers", body).await.status, 201);
    let token = org.token(&agent, None).await;
    assert_eq!(org.exchanges(&token, &[("audience", FINANCE_URN)]).await.status, 200);
}

#[tokio::test]
async fn what_is_put_is_what_tokens_are_made_for() {
    let (org, agent) = Org::furnished().await;
    let token = org.token(&agent, None).await;
    let before = shown(&org, "financial-data").await;
    let id = before["id"].as_str().unwrap();
    org.stack.hands.forward(9);
    let body = json!({
        "name": "Money", "slug": "money", "resource_uri": "https://money", "scopes_supported": ["mcp:financial"],
    });
    let answer = org.admin(&format!("PUT /admin/mcp/servers/{id}"), body).await;
    assert_eq!(answer.status, 200);
    let mut expected = before.clone();
    for (name, value) in [
        ("name", json!("Money")),
        ("slug", json!("money")),
        ("resourceUri", json!("https://money")),
        ("aliases", json!([])),
        ("updatedAt", json!(NOW + 9)),
    ] {
        expected[name] = value;
    }
    expected.as_object_mut().unwrap().remove("requiredCapability");
    // None is left out, or is null.
    let said = |mut data: Value| {
        data.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        data
    };
    assert_eq!(said(answer.json()["data"].take()), expected, "what is not said is taken away");
    assert_eq!(said(shown(&org, "money").await), expected);
    api_error(&org.admin("GET /admin/mcp/servers/financial-data", Value::Null).await, 404, "not_found");
    for (name, status) in [("https://money", 200), (id, 200), (FINANCE, 400), (FINANCE_URN, 400)] {
        assert_eq!(org.exchanges(&token, &[("audience", name)]).await.status, status, "{name}");
    }
    let gone = org.admin("DELETE /admin/mcp/servers/money", Value::Null).await;
    assert_eq!((gone.status, gone.json()["data"].take()), (200, json!({ "id": id })));
    oauth_error(&org.exchanges(&token, &[("audience", id)]).await, 400, "invalid_target");
    for (method, rest, body) in [
        ("GET", "", Value::Null),
        ("PUT", "", json!({"name": "a", "resource_uri": "https://a"})),
        ("DELETE", "", Value::Null),
        ("POST", "/rotate-credentials", Value::Null),
    ] {
        api_error(
            &org.admin(&format!("{method} /admin/mcp/servers/{id}{rest}"), body).await,
            404,
            "not_found",
        );
    }
}

#[tokio::test]
async fn a_slug_stays_unless_it_is_said() {
    let org = Org::open().await;
    org.target(json!({"name": "Financial Data", "slug": "fin", "resource_uri": "https://fin"})).await;
    let body = json!({"name": "Financial Data, renamed", "resource_uri": "https://fin"});
    let answer = org.admin("PUT /admin/mcp/servers/fin", body).await;
    assert_eq!((answer.status, answer.json()["data"]["slug"].take()), (200, json!("fin")), "{answer:?}");
}

#[tokio::test]
async fn lists_go_page_by_page() {
    let (org, _) = Org::furnished().await;
    org.target(json!({"name": "Zoo", "resource_uri": "https://zoo"})).await;
    for (query, slugs, total, more) in [
        ("", "documents financial-data zoo", 3, false),
        ("?limit=1&offset=1", "financial-data", 3, true),
        ("?q=URN:MCP", "documents financial-data", 2, false),
        ("?q=zoo", "zoo", 1, false),
        ("?offset=9", "", 3, false),
    ] {
        let told = org.admin(&format!("GET /admin/mcp/servers{query}"), Value::Null).await.json();
        let listed = told["data"].as_array().unwrap().iter();
        let listed: Vec<&str> = listed.map(|target| target["slug"].as_str().unwrap()).collect();
        assert_eq!(listed, slugs.split_whitespace().collect::<Vec<_>>(), "{query}");
        assert_eq!(
            (&told["meta"]["total"], &told["pagination"]["has_more"]),
            (&json!(total), &json!(more)),
            "{query}"
        );
    }
    for (query, field) in [("limit=0", "limit"), ("offset=x", "offset"), ("status=active", "status")] {
        let answer = org.admin(&format!("GET /admin/mcp/servers?{query}"), Value::Null).await;
        assert_eq!(api_error(&answer, 422, "validation_failed"), [field]);
    }
}
