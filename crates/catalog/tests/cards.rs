//! Cards as people send them: what is read, what is refused, what becomes of them.

use catalog::{AgentDraft, AgentEntry, CardRules, EntryPath, TrustLevel};
use serde_json::{Map, Value, json};

const NOW: &str = "2025-11-09T10:30:00Z";
const LATER: &str = "2025-11-09T10:35:00Z";

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("an object") };
    map
}

fn least() -> Map<String, Value> {
    object(json!({"name": "A", "description": "does a", "url": "https://a.example/a"}))
}

fn faults(card: Map<String, Value>) -> String {
    AgentDraft::read(card, CardRules::default()).map_or_else(|faults| faults.to_string(), |_| String::new())
}

fn with(field: &str, value: Value) -> Map<String, Value> {
    let mut card = least();
    card.insert(field.to_owned(), value);
    card
}

fn entry(card: Map<String, Value>) -> AgentEntry {
    let draft = AgentDraft::read(card, CardRules::default()).expect("the card is right");
    draft.into_new_entry("me", NOW).expect("an entry")
}

#[test]
fn each_fault_names_its_field() {
    for (field, value, fault) in [
        ("name", json!(" "), "name: must not be blank"),
        ("description", json!(null), "description: is required"),
        ("url", json!("/relative"), "url: must be an absolute"),
        ("url", json!("ftp://a.example"), "url: must be an absolute"),
        ("url", json!("https://user:pw@a.example"), "url: must not carry a user name"),
        ("url", json!("http://a.example"), "url: must be https"),
        ("url", json!("http://127.0.0.1\\@evil.example/"), "url: must be an absolute"),
        ("url", json!("https:\n//a.exa\tmple"), "url: must be an absolute"),
        (
            "provider",
            json!({"organization": "A", "url": "javascript:alert(1)"}),
            "provider.url: must be an absolute",
        ),
        (
            "skills",
            json!([{"id": "a", "name": "n", "description": "d", "parameters": {"$schema": "http://example.com/x"}}]),
            "skills[0].parameters.$schema: is no JSON Schema dialect",
        ),
        ("path", json!("no-slash"), "path: a path must start with '/'"),
        ("path", json!("/x/toggle"), "path: this path is reserved"),
        ("protocol_version", json!("1"), "protocol_version: must be X.Y"),
        ("protocol_version", json!("v1.0"), "protocol_version: must be X.Y"),
        ("protocol_version", json!(1.0), "protocol_version: must be a text"),
        ("visibility", json!("secret"), "visibility: must be public"),
        ("visibility", json!("group-restricted"), "allowed_groups: a group-restricted agent needs"),
        ("trust_level", json!("gold"), "trust_level: must be unverified"),
        ("streaming", json!("no"), "streaming: must be true or false"),
        ("tags", json!(["a", ""]), "tags[1]: must not be empty"),
        ("tags", json!({"a": 1}), "tags: must be a list of texts"),
        ("provider", json!(7), "provider: must be a text or an object"),
        ("provider", json!({"url": "https://x.example"}), "provider.organization: is required"),
        ("skills", json!({}), "skills: must be a list"),
        ("skills", json!(["x"]), "skills[0]: must be an object"),
        (
            "skills",
            json!([{"id": "a b", "name": "n", "description": "d"}]),
            "skills[0].id: must not contain white",
        ),
        ("skills", json!([{"id": "a", "name": "", "description": "d"}]), "skills[0].name: must not be blank"),
        (
            "skills",
            json!([{"id": "a", "name": "n", "description": "d"}, {"id": "a", "name": "n", "description": "d"}]),
            "skills[1].id: 'a' stands twice",
        ),
        (
            "skills",
            json!([{"id": "a", "name": "n", "description": "d", "parameters": {"type": "objekt"}}]),
            "skills[0].parameters: is no JSON Schema at /type",
        ),
        (
            "skills",
            json!([{"id": "a", "name": "n", "description": "d", "parameters": []}]),
            "skills[0].parameters: must be a JSON Schema object",
        ),
        ("security", json!([{"bearer": []}]), "security[0]: 'bearer' is not in security_schemes"),
        ("security", json!("bearer"), "security: must be a list"),
        ("security_schemes", json!({"x": {"type": "magic"}}), "security_schemes.x.type: must be one of"),
        (
            "security_schemes",
            json!({"x": {"type": "apiKey"}}),
            "security_schemes.x.in: an apiKey scheme needs",
        ),
        ("security_schemes", json!({"x": {"type": "http"}}), "security_schemes.x.scheme: is required"),
        ("security_schemes", json!({"x": {"type": "oauth2"}}), "security_schemes.x.flows: an oauth2 scheme"),
        (
            "security_schemes",
            json!({"x": {"type": "openIdConnect", "open_id_connect_url": "nope"}}),
            "security_schemes.x.open_id_connect_url: an openIdConnect scheme",
        ),
    ] {
        let said = faults(with(field, value.clone()));
        assert!(said.starts_with(fault), "{field} = {value}: {said:?}");
    }
}

#[test]
fn all_faults_at_once() {
    let said = faults(object(json!({"url": "x", "skills": [{}], "visibility": "?"})));
    for part in ["name: ", "description: ", "url: ", "visibility: ", "skills[0].id: ", "skills[0].name: "] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
}

#[test]
fn plain_http_stays_at_home() {
    for (url, accepted) in [
        ("http://localhost:9000/a", true),
        ("http://127.0.0.1/a", true),
        ("http://[::1]/a", true),
        ("http://10.1.2.3/a", true),
        ("http://agent-7:8080", true),
        ("http://agent.svc.internal", true),
        ("http://8.8.8.8/a", false),
        ("http://127.0.0.1.example/a", false),
        ("https://8.8.8.8/a", true),
    ] {
        assert_eq!(faults(with("url", json!(url))).is_empty(), accepted, "{url}");
    }
    let open = CardRules { allow_plain_http: true };
    assert!(AgentDraft::read(with("url", json!("http://a.example")), open).is_ok());
}

#[test]
fn sizes_have_limits() {
    let skill = |id: usize| json!({"id": format!("s{id}"), "name": "n", "description": "d"});
    assert_eq!(faults(with("skills", (0..256).map(skill).collect())), "");
    assert!(faults(with("skills", (0..257).map(skill).collect())).contains("at most 256 skills"));
    assert!(faults(with("x-blob", json!("x".repeat(256 * 1024)))).contains("a card may be at most"));
}

#[test]
fn a_new_entry_is_disabled_and_keeps_everything_unknown() {
    let card = object(json!({
        "name": "My Agent!", "description": "d", "url": "https://a.example", "is_enabled": true, "num_stars": 99,
        "registered_at": "1999", "registered_by": "eve", "updated_at": "1999", "capabilities": {"x": [null, 1]},
        "provider": null, "tags": "a,b", "visibility": "internal"
    }));
    let entry = entry(card);
    assert_eq!(entry.path.as_str(), "/my-agent");
    assert!(!entry.enabled);
    assert_eq!(
        Value::Object(entry.card()),
        json!({
            "name": "My Agent!", "description": "d", "url": "https://a.example", "is_enabled": false, "num_stars": 0,
            "registered_at": NOW, "registered_by": "me", "updated_at": NOW, "capabilities": {"x": [null, 1]},
            "tags": ["a", "b"], "visibility": "private", "protocol_version": "1.0", "version": "1.0.0",
            "path": "/my-agent", "skills": [], "security_schemes": {}, "streaming": false, "license": "N/A",
            "allowed_groups": [], "trust_level": "unverified"
        })
    );
}

#[test]
fn a_replacement_keeps_what_it_leaves_out() {
    let mut card = least();
    card.insert("tags".into(), json!(["x"]));
    card.insert("x-own".into(), json!(1));
    let old = entry(card).toggled(true, NOW).expect("an entry");
    let draft = AgentDraft::replace(
        &old,
        object(json!({"description": "new", "license": null})),
        CardRules::default(),
    );
    let new = draft.expect("right").into_next_entry(&old, "me", LATER).expect("an entry");
    assert_eq!((new.description.as_str(), new.tags.as_slice()), ("new", &["x".to_owned()][..]));
    assert!(new.enabled, "the live state stays");
    assert_eq!(new.card()["updated_at"], LATER);
    assert_eq!(new.card()["registered_at"], NOW);
    assert_eq!(new.card()["x-own"], 1);
    assert_ne!(new.etag, old.etag);
    let moved = AgentDraft::replace(&old, object(json!({"path": "/b"})), CardRules::default());
    assert!(moved.expect_err("a path cannot change").to_string().contains("cannot change"));
}

#[test]
fn a_merge_patch_removes_with_null_and_reaches_inside() {
    let mut card = least();
    card.insert("x-own".into(), json!({"a": 1, "b": {"c": 2}}));
    card.insert("license".into(), json!("MIT"));
    let old = entry(card);
    let patch =
        object(json!({"x-own": {"a": null, "b": {"d": 3}}, "license": null, "trustLevel": "community"}));
    let draft = AgentDraft::patch(&old, patch, CardRules::default()).expect("right");
    assert_eq!(draft.trust(), TrustLevel::Community);
    let new = draft.into_next_entry(&old, "me", LATER).expect("an entry").card();
    assert_eq!(new["x-own"], json!({"b": {"c": 2, "d": 3}}));
    assert_eq!(new["license"], "N/A");
    for field in ["visibility", "allowed_groups"] {
        let opened = AgentDraft::patch(&old, object(json!({ field: null })), CardRules::default());
        assert!(opened.expect_err("nobody opens by leaving out").to_string().contains("cannot be removed"));
    }
    let same =
        AgentDraft::patch(&old, object(json!({"path": null})), CardRules::default()).expect("nothing to do");
    assert_eq!(same.path(), &old.path);
    let broken = AgentDraft::patch(&old, object(json!({"name": null})), CardRules::default());
    assert_eq!(broken.expect_err("a name is required").to_string(), "name: is required");
}

#[test]
fn the_guides_state_file_entry_is_an_entry() {
    let card = object(json!({
        "name": "Code Reviewer Agent", "path": "/code-reviewer", "url": "https://agent.example.com/code-reviewer",
        "protocol_version": "1.0", "is_enabled": true, "registered_at": "2025-11-09T10:30:00Z",
        "registered_by": "service-account-mcp-gateway-m2m"
    }));
    let path = EntryPath::parse("/code-reviewer").expect("a path");
    let entry = AgentEntry::from_card(path.clone(), card.clone()).expect("the guide's own form");
    assert!(entry.enabled);
    assert_eq!(entry.card(), card);
    for (field, value, fault) in [
        ("visibility", json!("?"), "visibility"),
        ("visibility", json!(3), "visibility"),
        ("path", json!("/other"), "path"),
        ("allowed_groups", json!("a"), "allowed_groups"),
        ("is_enabled", json!("yes"), "is_enabled"),
    ] {
        let mut broken = card.clone();
        broken.insert(field.into(), value);
        let said = AgentEntry::from_card(path.clone(), broken).expect_err("unusable").to_string();
        assert!(said.starts_with(fault), "{said}");
    }
}

#[test]
fn every_sample_is_a_valid_card() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/samples/agents");
    let mut read = 0;
    for file in std::fs::read_dir(folder).expect("the samples are there") {
        let file = file.expect("readable").path();
        let bytes = std::fs::read(&file).expect("readable");
        let card = catalog::json::read(&bytes).expect("JSON");
        let entry = entry(object(card.clone()));
        // Nothing a sample says is lost, but for what the registry alone decides.
        for (field, value) in object(card) {
            let own = ["is_enabled", "num_stars", "registered_at", "registered_by", "updated_at"];
            if !own.contains(&field.as_str()) {
                assert_eq!(entry.card()[&field], value, "{field} of {}", file.display());
            }
        }
        read += 1;
    }
    assert!(read >= 24, "only {read} samples");
}

#[test]
fn the_text_for_search_is_the_guides() {
    let mut card = least();
    card.insert("tags".into(), json!(["x", "y"]));
    card.insert("skills".into(), json!([
        {"id": "1", "name": "One", "description": "first"}, {"id": "2", "name": "Two", "description": "second"}
    ]));
    let text = catalog::text::of_agent(&entry(card));
    assert_eq!(text, "Name: A\nDescription: does a\nSkills: One: first\nTwo: second\nTags: x, y");
}
