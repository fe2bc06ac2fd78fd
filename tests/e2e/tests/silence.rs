//! 403 and 404 tell nothing: whoever may not know of an agent gets the same bytes whether it is there or not.

use e2e::{Caller, Shared, raw};
use serde_json::{Value, json};
use xtask::stack::Stack;

static STACK: Shared = Shared::new(|_| {});

/// One request, without the caller's token.
struct Question {
    /// The operation.
    what: String,
    /// Whether it is what this operation is usually sent: then the status is known.
    usual: bool,
    method: String,
    target: String,
    headers: String,
    body: String,
}

impl Question {
    /// The whole answer but for Date. The request id is the same each time, so that it may stay.
    async fn ask(&self, stack: &Stack, caller: &Caller) -> (u16, String) {
        let Question { method, target, headers, body, .. } = self;
        let bytes = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nX-Request-Id: same\r\n\
             Connection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            caller.token(),
            body.len(),
        );
        let reply = raw::send(raw::address(&stack.gateway()), bytes.as_bytes()).await;
        let lines: Vec<&str> = reply.text.split("\r\n").filter(|line| !line.starts_with("Date: ")).collect();
        (reply.status(), self.without_the_number_of_now(lines).join("\r\n"))
    }

    /// How many changes there are in all, everybody may count: it says that something has happened, not what
    /// or where.
    fn without_the_number_of_now(&self, mut lines: Vec<&str>) -> Vec<String> {
        if self.what != CHANGES {
            return lines.into_iter().map(str::to_owned).collect();
        }
        lines.retain(|line| !line.starts_with("Content-Length: "));
        let blank = |line: &str| match line.split_once("\"last\":") {
            Some((before, after)) => {
                format!("{before}\"last\":{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => line.to_owned(),
        };
        lines.into_iter().map(blank).collect()
    }
}

/// The operation that numbers what it tells.
const CHANGES: &str = "listChanges";

/// Every operation of the document about this path, each with what it is usually sent, with nonsense, and
/// with conditions that only somebody could meet who knows the entry.
async fn questions(stack: &Stack, path: &str) -> Vec<Question> {
    let document = Caller::new(stack.gateway(), None).get("/api/openapi.json").await;
    let paths = document.must_be(200)["paths"].as_object().expect("a document").clone();
    let conditions = ["", "If-Match: \"x\"\r\n", "If-Match: *\r\n", "If-None-Match: *\r\n"];
    let mut questions = Vec::new();
    for (template, operations) in &paths {
        for (method, operation) in operations.as_object().expect("operations") {
            let name = operation["operationId"].as_str().expect("every operation has a name");
            let mut target = template.replace("{path}", path.trim_start_matches('/'));
            if name == CHANGES {
                target.push_str("?since=0");
            }
            let bodies = match operation.get("requestBody") {
                Some(_) => {
                    vec![body_of(name, path).to_string(), "{}".into(), "{".into(), r#"{"name": 7}"#.into()]
                }
                None => vec![String::new()],
            };
            for (at, body) in bodies.iter().enumerate() {
                for condition in conditions {
                    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
                    questions.push(Question {
                        what: name.to_owned(),
                        usual: at == 0,
                        method: method.to_uppercase(),
                        target: target.clone(),
                        headers: format!("{kind}{condition}"),
                        body: body.clone(),
                    });
                }
            }
        }
    }
    for method in ["HEAD", "OPTIONS", "POST", "TRACE"] {
        let target = format!("/api/agents{path}");
        let (headers, body) = (String::new(), String::new());
        let what = method.to_owned();
        questions.push(Question { what, usual: false, method: method.into(), target, headers, body });
    }
    questions
}

fn body_of(operation: &str, path: &str) -> Value {
    match operation {
        "registerAgent" | "updateAgent" => card(path),
        "patchAgent" => json!({"description": "Changed", "registered_by": "me", "trust_level": "trusted"}),
        "toggleAgent" | "toggleServer" => json!({"enabled": false}),
        "registerServer" | "updateServer" => server(path),
        "patchServer" => json!({"description": "Changed", "headers": {"X-Key": "***"}}),
        "discoverAgents" => json!({"skills": ["silence"]}),
        "discoverAgentsSemantic" | "searchSemantic" => json!({"query": "keeps silent"}),
        "explainAccess" => json!({"action": "get_agent", "resource": path}),
        "simulateAccess" => json!({"policy": "UI-Scopes: {}\n"}),
        other => panic!("say here what {other} is sent, so that it is asked too"),
    }
}

fn card(path: &str) -> Value {
    json!({"name": "Silent", "description": "Keeps silent", "url": "https://agents.example.com/silent",
        "path": path, "protocol_version": "1.0", "visibility": "private", "tags": ["silence"],
        "skills": [{"id": "silence", "name": "Silence", "description": "Keeps silent"}]})
}

fn server(path: &str) -> Value {
    json!({"server_name": "Silent", "description": "Keeps silent", "path": path,
        "proxy_pass_url": "http://127.0.0.1:1/", "headers": {"X-Key": "secret"}})
}

/// What is about one server.
const ABOUT_A_SERVER: [&str; 8] = [
    "getServer",
    "getServerHistory",
    "listServerTools",
    "checkServer",
    "updateServer",
    "patchServer",
    "deleteServer",
    "toggleServer",
];

/// What is about one agent, and so refused with one status.
const ABOUT_IT: [&str; 6] =
    ["getAgent", "getAgentHistory", "updateAgent", "patchAgent", "deleteAgent", "toggleAgent"];

/// Asks everything before the agent is there, while it is there, disabled, and after it has gone.
async fn tells_nothing(stack: &Stack, client: &str, path: &str, refused: u16) {
    let admin = Caller::sign_in(stack, "registry-admin").await;
    let caller = Caller::sign_in(stack, client).await;
    let mut questions = questions(stack, path).await;
    if refused == 404 {
        // Who may publish at a path is told that it is taken: 409 is the documented answer.
        questions.retain(|question| question.what != "registerAgent");
    }
    let mut absent = Vec::new();
    for question in &questions {
        let answer = question.ask(stack, &caller).await;
        let Question { what, usual, headers, body, .. } = question;
        if *usual && (ABOUT_IT.contains(&&**what) || what == "registerAgent") {
            assert_eq!(answer.0, refused, "{what} {headers} {body}: {answer:?}");
        }
        absent.push(answer);
    }
    admin.publish(&card(path)).await;
    // It is there, for those who may know.
    admin.get(&format!("/api/agents{path}")).await.must_be(200);
    compare(stack, &caller, &questions, &absent, "it is there").await;
    admin.post(&format!("/api/agents{path}/toggle?enabled=false")).await.must_be(200);
    compare(stack, &caller, &questions, &absent, "it is disabled").await;
    // None of the questions did anything.
    let kept = admin.get(&format!("/api/agents{path}")).await;
    assert_eq!(kept.must_be(200)["description"], "Keeps silent");
    admin.delete(&format!("/api/agents{path}")).await.must_be(204);
    compare(stack, &caller, &questions, &absent, "it is gone").await;
}

async fn compare(
    stack: &Stack,
    caller: &Caller,
    questions: &[Question],
    absent: &[(u16, String)],
    when: &str,
) {
    for (question, absent) in questions.iter().zip(absent) {
        let now = question.ask(stack, caller).await;
        let Question { what, headers, body, .. } = question;
        assert_eq!(now, *absent, "{when}, and {what} {headers} {body} tells");
    }
}

/// The same of an MCP server, for a caller who is granted nothing of it.
async fn tells_nothing_of_servers(stack: &Stack, client: &str, path: &str) {
    let admin = Caller::sign_in(stack, "registry-admin").await;
    let caller = Caller::sign_in(stack, client).await;
    let questions = questions(stack, path).await;
    let mut absent = Vec::new();
    for question in &questions {
        let answer = question.ask(stack, &caller).await;
        let Question { what, usual, headers, body, .. } = question;
        if *usual && (ABOUT_A_SERVER.contains(&&**what) || what == "registerServer") {
            assert_eq!(answer.0, 403, "{what} {headers} {body}: {answer:?}");
        }
        absent.push(answer);
    }
    let at = format!("/api/servers{path}");
    admin.post_json("/api/servers", &server(path)).await.must_be(201);
    compare(stack, &caller, &questions, &absent, "the server is there").await;
    admin.post(&format!("{at}/toggle?enabled=true")).await.must_be(200);
    compare(stack, &caller, &questions, &absent, "the server is enabled").await;
    assert_eq!(admin.get(&at).await.must_be(200)["description"], "Keeps silent");
    admin.delete(&at).await.must_be(204);
    compare(stack, &caller, &questions, &absent, "the server is gone").await;
}

#[tokio::test]
async fn whoever_is_granted_nothing_cannot_tell_which_servers_exist() {
    let Some(stack) = STACK.get().await else { return };
    tells_nothing_of_servers(stack, "stranger-bot", "/silent-server").await;
    tells_nothing_of_servers(stack, "lob1-bot", "/silent-server").await;
}

#[tokio::test]
async fn whoever_is_granted_nothing_cannot_tell_what_exists() {
    let Some(stack) = STACK.get().await else { return };
    tells_nothing(stack, "stranger-bot", "/silent-one", 403).await;
    tells_nothing(stack, "stranger-bot", "/team/silent-one", 403).await;
}

#[tokio::test]
async fn whoever_is_granted_other_paths_cannot_tell_what_exists() {
    let Some(stack) = STACK.get().await else { return };
    tells_nothing(stack, "lob1-bot", "/silent-two", 403).await;
}

#[tokio::test]
async fn whoever_may_not_see_an_agent_cannot_tell_it_from_none() {
    let Some(stack) = STACK.get().await else { return };
    // Inside his grants, and private to somebody else.
    tells_nothing(stack, "lob2-bot", "/security-analyzer", 404).await;
}
