//! What somebody may not see changes no byte of what he is answered: not a score, not a word of a repair, not an order.

use access::{LivePolicy, Policy};
use serde_json::{Value, json};

use super::common::{NOW, Role, World, card};
use super::{ENTITIES, SEARCH, server, with};

/// Line of business 1 may list everything, and is no admin: what is hidden from it is hidden by what entries say of
/// themselves. Line of business 2 may list two paths.
const POLICY: &str = r"
UI-Scopes:
  mcp-registry-admin:
    list_agents: [all]
    get_agent: [all]
    publish_agent: [all]
    modify_agent: [all]
    delete_agent: [all]
    list_service: [all]
    register_service: [all]
    toggle_service: [all]
    modify_service: [all]
  registry-users-lob1:
    list_agents: [all]
    list_service: [all]
  registry-users-lob2:
    list_agents: [/seen-a, /seen-b]
    list_service: [clock]
registry-users-lob1:
  - server: '*'
    methods: [initialize, tools/call]
    tools: [tell]
registry-users-lob2:
  - server: clock
    methods: [initialize, tools/call]
    tools: [tell]
";

const QUESTIONS: [&str; 8] = [
    "reviews python code",
    "reveiws pythn cod",
    "securty holes",
    "tells the tiem",
    "gardening",
    "quantm chemistry",
    "kubernetes clusters and helm charts",
    "天気 bread",
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    /// Some words of those that the questions are about, well spelled or not.
    fn text(&mut self) -> String {
        const WORDS: [&str; 24] = [
            "review",
            "reviews",
            "reveiws",
            "python",
            "pythn",
            "code",
            "cod",
            "security",
            "securty",
            "holes",
            "tells",
            "time",
            "tiem",
            "timer",
            "garden",
            "gardening",
            "quantum",
            "quantm",
            "chemistry",
            "kubernetes",
            "helm",
            "天気",
            "bread",
            "charts",
        ];
        (0..1 + self.roll(6)).map(|_| WORDS[self.roll(WORDS.len())]).collect::<Vec<_>>().join(" ")
    }
}

fn world() -> World {
    let policy = Policy::parse(POLICY).expect("a policy");
    World::with(|app| app.policy = LivePolicy::new(policy, false, NOW))
}

/// What both lines of business see; in one order or the other.
async fn with_seen(world: &World, reversed: bool) {
    let agent = |path: &str, description: &str, tags: Value| {
        let mut card = card(path, "Agent", description);
        card["tags"] = tags;
        card
    };
    let mut cards = vec![
        agent("/seen-a", "Reviews Python code for security holes", json!(["python"])),
        agent("/seen-b", "Bakes bread, and tells the time", json!(["bread", "python"])),
    ];
    if reversed {
        cards.reverse();
    }
    for card in cards {
        world.publish(Role::Admin, card).await;
    }
    with(world, vec![clock(&[("tell", "Tells the time")])]).await;
}

fn clock(tools: &[(&str, &str)]) -> catalog::ServerEntry {
    server("clock", "Tells the time of gardens", true, tools)
}

/// Everything that the two are answered, to the byte.
async fn answers(world: &World) -> Vec<String> {
    let mut answers = Vec::new();
    for role in [Role::Lob1, Role::Lob2] {
        for query in QUESTIONS {
            for target in [ENTITIES, SEARCH] {
                let plain = json!({"query": query, "entity_types": ["a2a_agent", "mcp_server", "tool"]});
                let few = json!({"query": query, "max_results": 1, "min_score": 0.05, "tags": ["python"]});
                for body in [plain, few] {
                    answers.push(world.ask(role, "POST", target, Some(body)).await.is(200).text);
                }
            }
        }
    }
    answers
}

/// Changes something that neither of the two may see: an agent of somebody else's, a disabled or private one, a
/// server that is disabled, a tool that they may not call.
async fn change_hidden(world: &World, dice: &mut Dice) {
    let number = dice.roll(6);
    let at = format!("/api/agents/hidden-{number}");
    match dice.roll(6) {
        0 | 1 => {
            let mut card = card(&format!("/hidden-{number}"), &dice.text(), &dice.text());
            card["tags"] = json!([dice.text(), "python"]);
            card["skills"] = json!([{"id": "s", "name": dice.text(), "description": dice.text()}]);
            card["visibility"] = json!("private");
            if number == 0 {
                card["visibility"] = json!("group-restricted");
                card["allowed_groups"] = json!(["nobody-there"]);
            }
            let answer = world.ask(Role::Admin, "POST", "/api/agents/register", Some(card)).await;
            assert!(matches!(answer.status.as_u16(), 201 | 409), "{answer:?}");
            world.ask(Role::Admin, "POST", &format!("{at}/toggle?enabled=true"), None).await.is(200);
        }
        2 => {
            let changed = json!({"description": dice.text(), "tags": [dice.text()]});
            world.ask(Role::Admin, "PATCH", &at, Some(changed)).await;
        }
        3 => drop(world.ask(Role::Admin, "DELETE", &at, None).await),
        4 => {
            let card = json!({"path": "/off", "server_name": dice.text(), "description": dice.text(), "tags": ["python"],
                "proxy_pass_url": "http://127.0.0.1:9/mcp", "is_enabled": false,
                "tool_list": [{"name": "tell", "description": dice.text()}]});
            if world.app.servers.catalogue().len() < 2 {
                world.ask(Role::Admin, "POST", "/api/servers", Some(card)).await.is(201);
                world.ask(Role::Admin, "POST", "/api/servers/off/toggle?enabled=false", None).await.is(200);
            } else {
                world.ask(Role::Admin, "DELETE", "/api/servers/off", None).await.is(204);
            }
        }
        _ => {
            use catalog::Entry as _;
            let held = world.app.servers.catalogue();
            let path = catalog::EntryPath::parse("/clock").expect("a path");
            let etag = held.get(&path).expect("there").etag().to_owned();
            let text = dice.text();
            let entry = clock(&[("tell", "Tells the time"), ("set", &text)]);
            let permit = super::permit(world, access::Action::ModifyService, "clock");
            world.app.servers.replace(&permit, &etag, entry).await.expect("kept");
            super::rebuild(world);
        }
    }
}

#[tokio::test]
async fn no_byte_changes() {
    let fresh = world();
    with_seen(&fresh, false).await;
    let expected = answers(&fresh).await;
    assert!(expected.iter().any(|answer| answer.contains("did_you_mean")), "something is repaired");
    let reversed = world();
    with_seen(&reversed, true).await;
    for (one, other) in answers(&reversed).await.iter().zip(&expected) {
        assert_eq!(one, other, "the order in which entries came is no part of an answer");
    }
    for seed in 0..3 {
        let (world, mut dice) = (world(), Dice(seed));
        // Some of it is there before, so that numbers of rows are others.
        for _ in 0..5 {
            change_hidden_agents(&world, &mut dice).await;
        }
        with_seen(&world, seed % 2 == 0).await;
        for step in 0..25 {
            change_hidden(&world, &mut dice).await;
            let found = answers(&world).await;
            for (one, other) in found.iter().zip(&expected) {
                assert_eq!(one, other, "seed {seed}, step {step}");
            }
        }
        let checked = world.app.index.check();
        assert!(checked.faults.is_empty(), "{checked:?}");
    }
}

async fn change_hidden_agents(world: &World, dice: &mut Dice) {
    let number = dice.roll(6);
    let mut card = card(&format!("/hidden-{number}"), &dice.text(), &dice.text());
    card["visibility"] = json!("private");
    let answer = world.ask(Role::Admin, "POST", "/api/agents/register", Some(card)).await;
    if answer.status.as_u16() == 201 {
        let target = format!("/api/agents/hidden-{number}/toggle?enabled=true");
        world.ask(Role::Admin, "POST", &target, None).await.is(200);
    }
}

/// What is kept for one caller is not given to another: they differ in what any of these says alone.
#[tokio::test]
async fn callers_of_one_scope_find_their_own() {
    let world = world();
    for (path, owner, visibility, groups) in [
        ("/of-ann", "ann", "private", json!([])),
        ("/of-x", "carol", "group-restricted", json!(["x"])),
        ("/of-all", "carol", "public", json!([])),
    ] {
        let mut card = card(path, "Agent", "Reviews Python code");
        card["registered_by"] = json!(owner);
        card["visibility"] = json!(visibility);
        card["allowed_groups"] = groups;
        card["is_enabled"] = json!(true);
        let Value::Object(card) = card else { unreachable!("an object") };
        let entry = catalog::AgentEntry::from_card(catalog::EntryPath::parse(path).expect("a path"), card);
        let permit = super::permit(&world, access::Action::PublishAgent, path);
        world.app.store.insert(&permit, entry.expect("an agent")).await.expect("kept");
    }
    super::rebuild(&world);
    let lob1 = "registry-users-lob1";
    let callers: [(&str, &[&str], &[&str]); 7] = [
        ("ann", &[lob1], &["/of-all", "/of-ann"]),
        ("bob", &[lob1], &["/of-all"]),
        ("bob", &[lob1, "x"], &["/of-all", "/of-x"]),
        ("ann", &["x", lob1], &["/of-all", "/of-ann", "/of-x"]),
        ("ann", &["registry-users-lob2", "x"], &[]),
        ("dan", &["mcp-registry-admin"], &["/of-all", "/of-ann", "/of-x"]),
        ("bob\" [\"x\"]", &[lob1], &["/of-all"]),
    ];
    // Over and over: the second time, rows and answers of all of them are kept.
    for round in 0..3 {
        for (name, groups, expected) in callers {
            let mut claims = world.claims(Role::Lob1);
            claims.username = name.to_owned();
            claims.groups = groups.iter().map(|group| (*group).to_owned()).collect();
            let scopes = world.app.policy.current().scopes_for(groups);
            claims.scopes = scopes.iter().map(str::to_owned).collect();
            let request = poem::Request::builder().method(poem::http::Method::POST);
            let request = request.uri(ENTITIES.parse().expect("a target")).content_type("application/json");
            let request = request.header("X-Identity", world.seal(&claims));
            let body = json!({"query": "reviews python code", "entity_types": ["a2a_agent"]});
            let found = world.send(request.body(body.to_string())).await.is(200).json();
            let mut paths = super::all(&found["agents"], "path");
            paths.sort();
            assert_eq!(paths, expected, "round {round}: {name} of {groups:?}");
        }
    }
}
