//! Is the right agent found by people who do not know its words? The real model, through the whole stack.

use e2e::{Caller, Shared, shared};
use serde_json::Value;
use xtask::demo;

static STACK: Shared = Shared::new(|_| {});

/// Of all paraphrases, the share whose own agent must come first: 20 of 24.
const SHARE: f64 = 20.0 / 24.0;

#[tokio::test]
async fn a_paraphrase_finds_its_agent_first() {
    let Some(stack) = STACK.get().await else { return };
    let cards = demo::samples().unwrap_or_else(|fault| panic!("{fault}"));
    assert!(cards.len() >= 24, "there are only {} samples", cards.len());
    let agent = Caller::sign_in(stack, "mcp-gateway-m2m").await;
    for card in &cards {
        agent.publish(card).await;
    }

    let paraphrases = paraphrases();
    let finder = Caller::sign_in(stack, "registry-admin").await;
    let mut misses = Vec::new();
    for (path, query) in &paraphrases {
        let hits = finder.find(query, 5).await;
        if hits.first() != Some(path) {
            misses.push(format!("{path}: {query:?} found {hits:?}"));
        }
    }
    let right = paraphrases.len() - misses.len();
    let summary = format!("{right} of {} paraphrases find their agent first", paraphrases.len());
    shared::loudly(&format!("{summary}; misses:\n{}", misses.join("\n")));
    #[expect(clippy::cast_precision_loss, reason = "these are dozens")]
    let share = right as f64 / paraphrases.len() as f64;
    assert!(share >= SHARE, "only {summary}");
    for card in &cards {
        let path = demo::path_of(card);
        assert!(paraphrases.iter().any(|(known, _)| known == path), "no paraphrase for {path}");
    }
}

fn paraphrases() -> Vec<(String, String)> {
    let file = xtask::root().join("tests/fixtures/paraphrases.json");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
    let list: Vec<Value> = serde_json::from_str(&text).expect("it is a list");
    let text = |entry: &Value, key: &str| entry[key].as_str().expect("path and query are texts").to_owned();
    list.iter().map(|entry| (text(entry, "path"), text(entry, "query"))).collect()
}
