//! Servers on their way in and out.

use serde_json::{Map, Value, json};

use super::*;
use crate::CardRules;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn read(change: Value) -> Result<ServerDraft, Faults> {
    let mut card = json!({"server_name": "Clock", "description": "Tells the time",
        "proxy_pass_url": "http://localhost:8000/mcp"});
    card.as_object_mut().expect("an object").extend(object(change));
    card.as_object_mut().expect("an object").retain(|_, value| *value != json!("absent"));
    ServerDraft::read(object(card), CardRules::default())
}

fn sealed(draft: ServerDraft) -> SealedDraft {
    draft.seal(|name, value| Ok::<_, ()>(format!("sealed:{name}:{}", value.len()))).expect("sealed")
}

fn entry(change: Value) -> ServerEntry {
    sealed(read(change).expect("no fault")).into_new_entry("me", "2025-11-09T10:30:00Z").expect("an entry")
}

#[test]
fn every_fault_has_its_field() {
    for (change, field, words) in [
        (json!({"server_name": "absent"}), "server_name", "is required"),
        (json!({"server_name": " "}), "server_name", "blank"),
        (json!({"name": "Watch"}), "server_name", "two spellings"),
        (json!({"description": "absent"}), "description", "is required"),
        (json!({"proxy_pass_url": "absent"}), "proxy_pass_url", "is required"),
        (json!({"proxy_pass_url": "ftp://x"}), "proxy_pass_url", "absolute"),
        (json!({"proxy_pass_url": "http://example.com/"}), "proxy_pass_url", "https"),
        (json!({"proxy_pass_url": "https://u:p@example.com/"}), "proxy_pass_url", "password"),
        (json!({"proxy_pass_url": "https://example.com/?key=1"}), "proxy_pass_url", "headers"),
        (json!({"proxy_pass_url": "https://example.com/#x"}), "proxy_pass_url", "fragment"),
        (json!({"proxy_pass_url": "https://169.254.169.254/"}), "proxy_pass_url", "never called"),
        (json!({"proxy_pass_url": "https://[fe80::1]/"}), "proxy_pass_url", "never called"),
        (json!({"path": "/a/b"}), "path", "one name"),
        (json!({"path": "//a"}), "path", "one name"),
        (json!({"path": "/registry"}), "path", "taken"),
        (json!({"path": "/register"}), "path", "taken"),
        (json!({"path": 7}), "path", "text"),
        (json!({"server_name": "!!!"}), "path", "no path can be made"),
        (json!({"tags": [""]}), "tags[0]", "empty"),
        (json!({"supported_transports": ["stdio"]}), "supported_transports[0]", "streamable-http"),
        (json!({"max_concurrency": 0}), "max_concurrency", "whole number"),
        (json!({"answer_timeout": "soon"}), "answer_timeout", "whole number"),
        (json!({"token_exchange": "x"}), "token_exchange", "object"),
        (json!({"token_exchange": {"audience": "a b"}}), "token_exchange.audience", "visible"),
        (json!({"token_exchange": {}}), "token_exchange.audience", "required"),
        (json!({"headers": "x"}), "headers", "object"),
        (json!({"headers": {"Host": "x"}}), "headers.host", "gateway"),
        (json!({"headers": {"Mcp-Session-Id": "x"}}), "headers.mcp-session-id", "gateway"),
        (json!({"headers": {"Cookie": "x"}}), "headers.cookie", "gateway"),
        (json!({"headers": {"X-Username": "x"}}), "headers.x-username", "gateway"),
        (json!({"headers": {"X-Client-Id": "x"}}), "headers.x-client-id", "gateway"),
        (json!({"headers": {"X-Groups": "x"}}), "headers.x-groups", "gateway"),
        (json!({"headers": {"X-Identity": "x"}}), "headers.x-identity", "gateway"),
        (json!({"headers": {"X-Forwarded-Anything": "x"}}), "headers.x-forwarded-anything", "gateway"),
        (json!({"headers": {"a b": "x"}}), "headers.a b", "name"),
        (json!({"headers": {"A": "x", "a": "y"}}), "headers.a", "twice"),
        (json!({"headers": {"X-Key": "a\r\nb: c"}}), "headers.x-key", "visible"),
        (json!({"headers": {"X-Key": ""}}), "headers.x-key", "characters"),
        (json!({"headers": {"X-Key": 7}}), "headers.x-key", "text"),
        (json!({"headers": {"X-Key": "***"}}), "headers.x-key", "send the value"),
        (json!({"auth_credential": "x"}), "auth_credential", "headers"),
        (json!({"hEADERS": {}}), "hEADERS", "headers"),
    ] {
        let faults = read(change.clone()).expect_err(&change.to_string());
        let [fault] = faults.list() else { panic!("{change}: {faults}") };
        assert_eq!(fault.field, field, "{change}: {faults}");
        assert!(fault.message.contains(words), "{change}: {faults}");
    }
}

#[test]
fn a_fault_does_not_repeat_the_value_of_a_header() {
    let faults = read(json!({"headers": {"Host": "hunter2\n", "X": ["hunter2"]}})).expect_err("faults");
    assert!(!faults.to_string().contains("hunter2"), "{faults}");
    let draft = read(json!({"headers": {"X": "hunter2"}})).expect("no fault");
    assert!(!format!("{draft:?}").contains("hunter2"));
}

#[test]
fn a_kept_card_may_have_its_headers_in_any_form() {
    let path = EntryPath::parse("/clock").expect("a path");
    for headers in [
        json!({"X-Key": "a", "Y": "b"}),
        json!([{"X-Key": "a"}, {"Y": "b"}]),
        json!([{"X-Key": "a", "Y": "b"}]),
        json!([{"name": "X-Key", "value": "a"}, {"name": "Y", "value": "b"}]),
    ] {
        let card = json!({"server_name": "Clock", "proxy_pass_url": "https://clock/mcp", "headers": headers});
        let entry = ServerEntry::from_card(path.clone(), object(card)).expect("a server");
        let expected = [("x-key".to_owned(), "a".to_owned()), ("y".to_owned(), "b".to_owned())];
        assert_eq!(entry.headers, expected.into(), "{headers}");
    }
    // In an object, these two are headers like others.
    let card = json!({"server_name": "Clock", "proxy_pass_url": "https://clock/mcp",
        "headers": {"name": "X-Key", "value": "a"}});
    let entry = ServerEntry::from_card(path, object(card)).expect("a server");
    assert_eq!(entry.headers.keys().collect::<Vec<_>>(), ["name", "value"]);
}

#[test]
fn paths_as_clients_write_them() {
    for (change, path) in [
        (json!({"path": "/clock"}), "/clock"),
        (json!({"path": "/clock/"}), "/clock"),
        (json!({"path": "clock"}), "/clock"),
        (json!({"path": null}), "/clock"),
        (json!({"server_name": "Fininfo  MCP (v2)"}), "/fininfo-mcp-v2"),
        (json!({"server_name": "a".repeat(100)}), &format!("/{}", "a".repeat(64))),
    ] {
        assert_eq!(read(change.clone()).expect("no fault").path().as_str(), path, "{change}");
    }
}

#[test]
fn a_form_means_the_same() {
    let form = json!({"path": "/clock/", "tags": "time, zones", "supported_transports": "sse, streamable-http",
        "headers": "[{\"X-Key\": \"a\"}, {\"name\": \"Y-Key\", \"value\": \"b\"}]", "num_tools": "7",
        "max_concurrency": "3", "token_exchange": "{\"audience\": \"https://clock\"}", "license": null,
        "is_enabled": "true"});
    let entry = entry(form);
    assert_eq!(entry.tags, ["time", "zones"]);
    assert_eq!(entry.transports, [Transport::Sse, Transport::StreamableHttp]);
    assert_eq!(entry.headers.keys().collect::<Vec<_>>(), ["x-key", "y-key"]);
    assert_eq!((entry.limits.max_concurrency, entry.enabled, entry.tools.len()), (3, false, 0));
    assert_eq!(entry.exchange.as_deref(), Some("https://clock"));
    assert_eq!(entry.card()["license"], "N/A");
}

#[test]
fn stars_keep_a_value_and_null_removes_it() {
    let old = entry(json!({"headers": {"X": "1", "Y": "22"}, "x-own": 1}));
    let next = |draft: Result<ServerDraft, Faults>| {
        sealed(draft.expect("no fault")).into_next_entry(&old, "later").expect("an entry")
    };
    let rules = CardRules::default();
    let held = |entry: &ServerEntry| serde_json::to_value(&entry.headers).expect("JSON");
    for (change, replaced, patched) in [
        (json!({}), json!({"x": "sealed:x:1", "y": "sealed:y:2"}), None),
        (json!({"headers": {"x": "***", "Y": "***"}}), json!({"x": "sealed:x:1", "y": "sealed:y:2"}), None),
        (
            json!({"headers": {"X": "***"}}),
            json!({"x": "sealed:x:1"}),
            Some(json!({"x": "sealed:x:1", "y": "sealed:y:2"})),
        ),
        (
            json!({"headers": {"X": "333"}}),
            json!({"x": "sealed:x:3"}),
            Some(json!({"x": "sealed:x:3", "y": "sealed:y:2"})),
        ),
        (json!({"headers": {}}), json!({}), Some(json!({"x": "sealed:x:1", "y": "sealed:y:2"}))),
    ] {
        let patched = patched.unwrap_or(replaced.clone());
        let entry = next(ServerDraft::replace(&old, object(change.clone()), rules));
        assert_eq!(held(&entry), replaced, "PUT {change}");
        assert_eq!(entry.card()["x-own"], 1);
        let entry = next(ServerDraft::patch(&old, object(change.clone()), rules));
        assert_eq!(held(&entry), patched, "PATCH {change}");
    }
    for (change, expected) in
        [(json!({"headers": {"Y": null}}), json!({"x": "sealed:x:1"})), (json!({"headers": null}), json!({}))]
    {
        let entry = next(ServerDraft::patch(&old, object(change.clone()), rules));
        assert_eq!(held(&entry), expected, "PATCH {change}");
    }
    assert!(ServerDraft::replace(&old, object(json!({"path": "/other"})), rules).is_err());
    assert!(ServerDraft::patch(&old, object(json!({"headers": {"Z": "***"}})), rules).is_err());
}

#[test]
fn what_is_shown_can_be_sent_back() {
    let tools = vec![json!({"name": "now", "inputSchema": {"type": "object"}}), json!({"name": "set"})];
    let old = entry(json!({"headers": {"X": "1"}})).with_tools(tools.clone(), "later").expect("an entry");
    assert!(old.offers(&tools) && !old.offers(&tools[..1]));
    let shown = old.shown(|tool| tool == "now");
    assert_eq!(shown["headers"], json!({"x": "***"}));
    assert_eq!((&shown["num_tools"], &shown["tool_list"]), (&json!(1), &json!([tools[0]])));
    let draft = ServerDraft::replace(&old, shown, CardRules::default()).expect("no fault");
    let next = sealed(draft).into_next_entry(&old, "even later").expect("an entry");
    assert_eq!((next.tools.len(), &next.headers), (2, &old.headers), "nothing is lost by it");
    assert!(next.offers(&tools));
}

#[test]
fn tools_are_named_without_doubt() {
    let named = |name: &str| json!({"name": name});
    assert_eq!(read_tools(&[named("a"), named("b")]), Ok(()));
    for told in [
        vec![named("a"), named("a")],
        vec![named("")],
        vec![named("a\nb")],
        vec![json!({})],
        vec![json!("a")],
        (0..=MAX_TOOLS).map(|number| named(&number.to_string())).collect(),
    ] {
        assert!(read_tools(&told).is_err());
    }
}

#[test]
fn a_secret_does_not_follow_its_server_to_another_address() {
    let rules = CardRules::default();
    let kept = |url: &str| {
        let card = object(json!({"server_name": "One", "description": "x", "proxy_pass_url": url,
            "headers": {"x-key": "sealed:x:1"}}));
        ServerEntry::from_card(EntryPath::parse("/one").expect("a path"), card).expect("an entry")
    };
    let old = kept("https://one.example.com/mcp");
    for (address, stays) in [
        ("https://one.example.com/other", true),
        ("https://one.example.com:443/mcp", true),
        ("https://one.example.com:8443/mcp", false),
        ("https://two.example.com/mcp", false),
        ("http://one.localhost/mcp", false),
    ] {
        for change in [
            json!({"proxy_pass_url": address}),
            json!({"proxy_pass_url": address, "headers": {"X-Key": "***"}}),
        ] {
            assert_eq!(ServerDraft::patch(&old, object(change.clone()), rules).is_ok(), stays, "{change}");
            assert_eq!(ServerDraft::replace(&old, object(change.clone()), rules).is_ok(), stays, "{change}");
        }
        let anew = json!({"proxy_pass_url": address, "headers": {"X-Key": "another"}});
        assert!(ServerDraft::patch(&old, object(anew), rules).is_ok(), "{address}");
        let without = json!({"proxy_pass_url": address, "headers": {"X-Key": null}});
        assert!(ServerDraft::patch(&old, object(without), rules).is_ok(), "{address}");
    }
}
