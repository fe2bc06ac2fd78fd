//! A line of business sees exactly its agents, however many others are nearer to what it asks.

use e2e::{Caller, Shared, column};
use serde_json::{Value, json};

static STACK: Shared = Shared::new(|_| {});

const CROWD: usize = 200;
const QUERY: &str = "review Python code for security vulnerabilities";

#[tokio::test]
async fn a_caller_sees_exactly_what_is_his() {
    let Some(stack) = STACK.get().await else { return };
    let admin = Caller::sign_in(stack, "registry-admin").await;
    // Nearer to the query than any agent of the callers: word for word what they ask for.
    for number in 0..CROWD {
        admin.publish(&card(&format!("/crowd/{number:03}"), QUERY, "public")).await;
    }
    admin.publish(&card("/code-reviewer", "Weighs fruit at the market", "public")).await;
    admin.publish(&card("/test-automation", "Tunes church organs", "public")).await;
    admin.publish(&card("/data-analysis", "Breeds alpine goats", "public")).await;
    // Inside the second line's grants, but private to its registrant.
    admin.publish(&card("/security-analyzer", QUERY, "private")).await;

    sees(&Caller::sign_in(stack, "lob1-bot").await, &["/code-reviewer", "/test-automation"]).await;
    sees(&Caller::sign_in(stack, "lob2-bot").await, &["/data-analysis"]).await;
    sees(&Caller::sign_in(stack, "stranger-bot").await, &[]).await;

    let first = Caller::sign_in(stack, "lob1-bot").await;
    first.get("/api/agents/code-reviewer").await.must_be(200);
    // Outside the grants it is 403, whether or not anything lives there.
    for path in ["/api/agents/crowd/000", "/api/agents/crowd%2F000", "/api/agents/nothing-here"] {
        first.get(path).await.must_refuse(403);
    }
    // Inside the grants and invisible is like absent.
    Caller::sign_in(stack, "lob2-bot").await.get("/api/agents/security-analyzer").await.must_refuse(404);

    // Whoever may do everything with every agent sees all of them.
    for client in ["registry-admin", "mcp-gateway-m2m"] {
        let list = Caller::sign_in(stack, client).await.get("/api/agents").await;
        assert_eq!(list.must_be(200)["total_count"], CROWD + 4, "{client}");
    }

    // The crowd is there for those who may see it, and nearer.
    let nearest = admin.find(QUERY, 10).await;
    assert!(
        nearest.iter().all(|path| path.starts_with("/crowd/") || path == "/security-analyzer"),
        "{nearest:?}"
    );
}

async fn sees(caller: &Caller, expected: &[&str]) {
    let sorted = |list: &Value| {
        let mut paths = column(list, "path");
        paths.sort();
        paths
    };
    let list = caller.get("/api/agents").await;
    assert_eq!(column(&list.must_be(200)["agents"], "path"), expected, "list");
    assert_eq!(list.body["total_count"], expected.len());
    let searched = caller.get("/api/agents?query=python").await;
    assert!(column(&searched.must_be(200)["agents"], "path").iter().all(|path| expected.contains(&&**path)));

    let discovered =
        caller.post_json("/api/agents/discover", &json!({"skills": ["work"], "max_results": 100})).await;
    assert_eq!(sorted(&discovered.must_be(200)["agents"]), expected, "discover");

    for most in [1, 5, 100] {
        let mut found = caller.find(QUERY, most).await;
        assert_eq!(found.len(), expected.len().min(most), "semantic: {found:?}");
        found.sort();
        assert!(found.iter().all(|path| expected.contains(&&**path)), "semantic: {found:?}");
    }
}

fn card(path: &str, description: &str, visibility: &str) -> Value {
    json!({"name": description, "description": description, "url": "https://agents.example.com/x", "path": path,
        "protocol_version": "1.0", "visibility": visibility, "tags": ["python"],
        "skills": [{"id": "work", "name": "Work", "description": description}]})
}
