//! The policy in force: explained, simulated, replaced while running, and the trail it leaves.

mod common;

use access::Offered;
use boot::audit::{Audit, AuditTo};
use common::{NOW, Role, SHIPPED, World, card};
use serde_json::{Value, json};

async fn explain(world: &World, role: Role, question: Value) -> Value {
    world.ask(role, "POST", "/api/access/explain", Some(question)).await.is(200).json()
}

#[tokio::test]
async fn anybody_is_told_about_himself_and_nothing_else() {
    let world = World::new();
    let mut private = card("/code-reviewer", "C", "d");
    private["visibility"] = json!("private");
    world.publish(Role::Guide, private).await;
    let ask = |path: &str| json!({"action": "get_agent", "resource": path});
    let hidden = explain(&world, Role::Lob1, ask("/code-reviewer")).await;
    let absent = explain(&world, Role::Lob1, ask("/test-automation")).await;
    assert_eq!((&hidden["verdict"], &absent["verdict"]), (&json!("invisible"), &json!("invisible")));
    assert_eq!(hidden["reason"], absent["reason"], "the absent and the hidden look alike");
    assert_eq!(hidden["visibility"], absent["visibility"]);
    let outside = explain(&world, Role::Lob1, ask("/data-analysis")).await;
    assert_eq!(outside["verdict"], "outside_grants");
    assert_eq!(outside["scopes"][0]["ui_scopes"]["says"], "refuses");
    assert_eq!(outside["would_allow"], json!([]), "what others may is not for everybody");
    let about = json!({"action": "get_agent", "resource": "/x", "groups": ["mcp-registry-admin"]});
    world.ask(Role::Lob1, "POST", "/api/access/explain", Some(about)).await.is(403);
    for wrong in [
        json!({"action": "own", "resource": "/x"}),
        json!({"action": "get_agent", "resource": "x"}),
        json!({}),
    ] {
        world.ask(Role::Lob1, "POST", "/api/access/explain", Some(wrong)).await.is(422);
    }
}

#[tokio::test]
async fn an_admin_is_told_about_everybody_and_what_would_have_allowed_it() {
    let world = World::new();
    world.publish(Role::Guide, card("/data-analysis", "D", "d")).await;
    let question =
        json!({"action": "get_agent", "resource": "/data-analysis", "groups": ["/registry-users-lob1"]});
    let denied = explain(&world, Role::Admin, question).await;
    assert_eq!(denied["verdict"], "outside_grants");
    let scopes: Vec<&str> = denied["would_allow"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|would| would["scope"].as_str())
        .collect();
    assert_eq!(scopes, ["a2a-agent-admin", "mcp-registry-admin", "registry-users-lob2"]);
    let question =
        json!({"action": "get_agent", "resource": "/data-analysis", "scopes": ["registry-users-lob2"]});
    let allowed = explain(&world, Role::Admin, question).await;
    assert_eq!(allowed["verdict"], "allowed");
    let line = allowed["scopes"][0]["ui_scopes"]["line"].as_u64().expect("a line") as usize;
    let named = SHIPPED.lines().nth(line - 1).expect("the line is there");
    assert!(named.contains("/data-analysis"), "line {line} is {named:?}");
}

#[tokio::test]
async fn explain_says_what_the_endpoint_does() {
    let world = World::new();
    for path in ["/code-reviewer", "/data-analysis"] {
        world.publish(Role::Guide, card(path, "A", "d")).await;
    }
    for role in [Role::Stranger, Role::Lob1, Role::Lob2, Role::Admin] {
        for path in ["/code-reviewer", "/data-analysis", "/test-automation"] {
            let explained = explain(&world, role, json!({"action": "get_agent", "resource": path})).await;
            let answered = world.ask(role, "GET", &format!("/api/agents{path}"), None).await.status.as_u16();
            let expected = match explained["verdict"].as_str() {
                Some("allowed") => 200,
                Some("outside_grants") => 403,
                Some("invisible") => 404,
                other => panic!("no such verdict: {other:?}"),
            };
            assert_eq!(answered, expected, "{role:?} {path}");
        }
    }
}

#[tokio::test]
async fn a_candidate_is_simulated_and_nothing_changes() {
    let world = World::new();
    world.publish(Role::Guide, card("/team/x", "X", "d")).await;
    let simulate = async |policy: &str| {
        world
            .ask(Role::Admin, "POST", "/api/access/simulate", Some(json!({ "policy": policy })))
            .await
            .is(200)
            .json()
    };
    let same = simulate(SHIPPED).await;
    assert_eq!((&same["changes"], &same["total_lost"]), (&json!([]), &json!(0)));
    assert_eq!(same["policy_version"], same["candidate_version"]);
    let broken = simulate("UI-Scopes: []\nx: 1\n").await;
    assert_eq!(broken["faults"].as_array().map(Vec::len), Some(2));
    assert!(broken.get("candidate_version").is_none());
    let edited = simulate(&SHIPPED.replace("/test-automation", "/team/*")).await;
    let changes = edited["changes"].as_array().expect("a list");
    let of = |path: &str| -> Vec<&Value> { changes.iter().filter(|change| change["path"] == path).collect() };
    assert_eq!(of("/team/x").len(), 5);
    assert!(of("/team/x").iter().all(|change| change["change"] == "gained"));
    assert!(of("/test-automation").iter().all(|change| change["change"] == "lost"));
    assert_eq!(edited["total_lost"], 5);
    world.ask(Role::Lob1, "GET", "/api/agents/team/x", None).await.is(403);
    world.ask(Role::Lob1, "POST", "/api/access/simulate", Some(json!({"policy": ""}))).await.is(403);
}

#[tokio::test]
async fn another_content_takes_force_whole_and_a_broken_one_not_at_all() {
    let world = World::new();
    world.publish(Role::Guide, card("/data-analysis", "D", "d")).await;
    let old = world.seal(&world.claims(Role::Lob1));
    let get = async |seal: &str| {
        let request = poem::Request::builder().uri("/api/agents/data-analysis".parse().expect("a target"));
        world.send(request.header("X-Identity", seal).finish()).await.status.as_u16()
    };
    assert_eq!(get(&old).await, 403);
    assert_eq!(world.app.policy.offer("UI-Scopes: [", NOW + 1), Offered::Refused);
    assert_eq!(get(&old).await, 403, "a broken file opens nothing");
    let health = world.ask(Role::Nobody, "GET", "/health", None).await.is(200).json();
    assert_eq!(health["policy"]["loaded_at"], "2025-11-09T10:30:00Z");
    assert_ne!(health["policy"]["faults"], 0, "and the fault is shown");
    // Group lob1 now maps to what lob2 may. The seal was made under the old policy and says the old
    // scopes: the groups in it are mapped again.
    let edited = SHIPPED.replace(
        "  registry-users-lob1: [registry-users-lob1]",
        "  registry-users-lob1: [registry-users-lob2]",
    );
    let edited = if edited == SHIPPED { remap() } else { edited };
    assert_eq!(world.app.policy.offer(&edited, NOW + 2), Offered::Loaded);
    assert_eq!(get(&old).await, 200);
    let health = world.ask(Role::Nobody, "GET", "/health", None).await.is(200).json();
    assert_eq!(
        (&health["policy"]["faults"], &health["policy"]["loaded_at"]),
        (&json!(0), &json!("2025-11-09T10:30:02Z"))
    );
    assert_eq!(world.app.policy.offer(SHIPPED, NOW + 3), Offered::Loaded);
    assert_eq!(get(&old).await, 403);
}

/// The shipped policy with group lob1 mapped to lob2's scope, whatever its layout.
fn remap() -> String {
    let printed = access::Policy::parse(SHIPPED).expect("right").print();
    printed.replace(
        "\"registry-users-lob1\": [\"registry-users-lob1\"]",
        "\"registry-users-lob1\": [\"registry-users-lob2\"]",
    )
}

#[tokio::test]
async fn denied_and_changing_requests_leave_a_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let trail = folder.path().join("audit.log");
    let world = World::with(|app| app.audit = Audit::start(&AuditTo::File(trail.clone())).expect("opened"));
    world.publish(Role::Guide, card("/data-analysis", "D", "d")).await;
    world.ask(Role::Guide, "GET", "/api/agents/data-analysis", None).await.is(200);
    world.ask(Role::Lob1, "GET", "/api/agents/data-analysis", None).await.is(403);
    world.ask(Role::Lob1, "DELETE", "/api/agents/code-reviewer", None).await.is(404);
    world.ask(Role::Nobody, "GET", "/api/agents/data-analysis", None).await.is(401);
    let mut vouched = card("/code-reviewer", "C", "d");
    vouched["trust_level"] = json!("trusted");
    world.ask(Role::Lob1, "POST", "/api/agents/register", Some(vouched)).await.is(403);
    world.ask(Role::Lob1, "POST", "/api/access/simulate", Some(json!({"policy": ""}))).await.is(403);
    drop(world);
    let text = std::fs::read_to_string(&trail).expect("there");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let said: Vec<[&str; 4]> = lines
        .iter()
        .map(|l| ["who", "action", "resource", "verdict"].map(|key| l[key].as_str().unwrap_or("-")))
        .collect();
    let guide = "service-account-mcp-gateway-m2m";
    assert_eq!(
        said,
        [
            [guide, "publish_agent", "/data-analysis", "allowed"],
            [guide, "modify_agent", "/data-analysis", "allowed"],
            ["lob1-bot", "get_agent", "/data-analysis", "outside_grants"],
            ["lob1-bot", "delete_agent", "/code-reviewer", "invisible"],
            ["-", "GET", "/api/agents/data-analysis", "unauthenticated"],
            ["lob1-bot", "publish_agent", "/code-reviewer", "allowed"],
            ["lob1-bot", "set_trust_level", "/code-reviewer", "forbidden"],
            ["lob1-bot", "simulate_access", "/", "forbidden"],
        ]
    );
    for line in &lines {
        assert_eq!((&line["server"], &line["time"]), (&json!("registry"), &json!(NOW)));
        assert_eq!(line["policy_version"].as_str().map(str::len), Some(16));
        assert!(!line["request_id"].as_str().unwrap_or_default().is_empty());
    }
    assert!(
        lines[0]["rule"]
            .as_str()
            .is_some_and(|rule| rule.starts_with("UI-Scopes a2a-agent-admin: all (line "))
    );
    assert!(!text.contains("eyJ"), "no token");
}

#[tokio::test]
async fn the_operator_sees_the_policy_and_its_faults() {
    use poem::Endpoint;
    let world = World::new();
    world.app.policy.offer("UI-Scopes: [\n", NOW + 1);
    let mut elsewhere = world.claims(Role::Lob1);
    elsewhere.policy = "another".into();
    let request = poem::Request::builder().uri("/api/agents".parse().expect("a target"));
    world.send(request.header("X-Identity", world.seal(&elsewhere)).finish()).await.is(200);
    world.ask(Role::Nobody, "GET", "/api/agents", None).await.is(401);
    let operator = registry::operators_endpoint(&world.app);
    let request = poem::Request::builder().uri("/metrics".parse().expect("a target")).finish();
    let text = operator.get_response(request).await.take_body().into_string().await.expect("a body");
    let version = world.app.policy.current().version().to_owned();
    for line in [
        "registry_policy_faults 1",
        "registry_policy_generation 1",
        "registry_policy_loaded_seconds 1762684200",
        &format!("registry_policy{{version=\"{version}\"}} 1"),
        "registry_answers_total{status=\"4xx\"} 1",
        "registry_audit_lost_total 0",
        "registry_identities_remapped_total 1",
        "registry_search_ready 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn servers_and_calls_of_them_are_explained_and_simulated() {
    let world = World::new();
    for (question, verdict, tier) in [
        (json!({"action": "list_service", "resource": "elsewhere"}), "outside_grants", "ui_scopes"),
        (json!({"action": "list_service", "resource": "currenttime"}), "invisible", "ui_scopes"),
        (json!({"action": "initialize", "resource": "currenttime"}), "allowed", "server_entries"),
        (
            json!({"action": "tools/call", "resource": "/currenttime", "tool": "current_time_by_timezone"}),
            "allowed",
            "server_entries",
        ),
        (
            json!({"action": "tools/call", "resource": "currenttime", "tool": "other"}),
            "outside_grants",
            "server_entries",
        ),
        (json!({"action": "tools/call", "resource": "currenttime"}), "outside_grants", "server_entries"),
        (json!({"action": "ping", "resource": "mcpgw"}), "outside_grants", "server_entries"),
    ] {
        let answer = explain(&world, Role::Lob1, question.clone()).await;
        assert_eq!(answer["verdict"], verdict, "{question}: {answer}");
        let says = if verdict == "outside_grants" { "refuses" } else { "allows" };
        assert_eq!(answer["scopes"][0][tier]["says"], says, "{question}: {answer}");
        assert_eq!(answer["scopes"][0]["agents_block"]["says"], "nothing", "{question}: it speaks of agents");
    }
    for wrong in [
        json!({"action": "list_service", "resource": ""}),
        json!({"action": "ping", "resource": "currenttime", "tool": "x"}),
        json!({"action": "tools/call", "resource": "currenttime", "tool": 7}),
        json!({"action": "call_tool", "resource": "currenttime"}),
    ] {
        world.ask(Role::Lob1, "POST", "/api/access/explain", Some(wrong)).await.is(422);
    }
    let candidate = SHIPPED.replace("      - current_time_by_timezone\n", "      - another\n");
    let question = json!({"policy": candidate});
    let answer = world.ask(Role::Admin, "POST", "/api/access/simulate", Some(question)).await.is(200).json();
    let change = |action: &str, change: &str| json!({"group": "registry-users-lob1", "path": "currenttime", "action": action, "change": change});
    assert_eq!(
        answer["changes"],
        json!([
            change("tools/call another", "gained"),
            change("tools/call current_time_by_timezone", "lost")
        ])
    );
}
