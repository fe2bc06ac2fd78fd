//! Is the right agent found by people who do not know its words? The real model, through the whole stack.
//!
//! Two sets, both written before anybody looked at results: paraphrases, which share at most
//! a third of their words with the card, and requests of people with a task in their hands,
//! which share next to none. The second is harder and has no bar; its figure is reported.

use std::collections::BTreeSet;

use e2e::{Caller, Shared, shared};
use serde_json::Value;
use xtask::demo;

static STACK: Shared = Shared::new(|_| {});

/// The share of paraphrases whose own agent must come first: 20 of 24.
const SHARE: f64 = 20.0 / 24.0;
/// A paraphrase may share this much of its words with the card.
const SHARED_WORDS: f64 = 1.0 / 3.0;

#[tokio::test]
async fn a_paraphrase_finds_its_agent_first() {
    let Some(stack) = STACK.get().await else { return };
    let cards = demo::samples().unwrap_or_else(|fault| panic!("{fault}"));
    assert!(cards.len() >= 24, "there are only {} samples", cards.len());
    let agent = Caller::sign_in(stack, "mcp-gateway-m2m").await;
    for card in &cards {
        agent.publish(card).await;
    }
    let finder = Caller::sign_in(stack, "registry-admin").await;
    let paraphrases = queries("paraphrases.json");
    for card in &cards {
        let path = demo::path_of(card);
        assert!(paraphrases.iter().any(|(known, _)| known == path), "no paraphrase for {path}");
    }
    let share = first_hits(&finder, "paraphrases", &paraphrases).await;
    first_hits(&finder, "requests", &queries("requests.json")).await;
    assert!(share >= SHARE, "only {share:.2} of the paraphrases find their agent first");
}

#[test]
fn a_paraphrase_shares_few_words_with_its_card() {
    let cards = demo::samples().unwrap_or_else(|fault| panic!("{fault}"));
    for (path, query) in queries("paraphrases.json") {
        let card = cards.iter().find(|card| demo::path_of(card) == path).expect("the sample is there");
        let (asked, written) = (words(&query), words(&searched(card)));
        let shared = asked.intersection(&written).count() as f64 / asked.len() as f64;
        assert!(shared <= SHARED_WORDS, "{path}: {shared:.2} of {query:?} stands in the card");
    }
}

/// The share of queries that find their own agent first; says which do not.
async fn first_hits(finder: &Caller, name: &str, queries: &[(String, String)]) -> f64 {
    let mut misses = Vec::new();
    for (path, query) in queries {
        let hits = finder.find(query, 5).await;
        if hits.first() != Some(path) {
            misses.push(format!("{path}: {query:?} found {hits:?}"));
        }
    }
    let right = queries.len() - misses.len();
    let summary = format!("{right} of {} {name} find their agent first", queries.len());
    shared::loudly(&format!("{summary}; misses:\n{}", misses.join("\n")));
    right as f64 / queries.len() as f64
}

/// What search reads of a card.
fn searched(card: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tags = card["tags"].as_array().into_iter().flatten().map(text);
    let skills = card["skills"].as_array().into_iter().flatten();
    let skills = skills.flat_map(|skill| [text(&skill["name"]), text(&skill["description"])]);
    [text(&card["name"]), text(&card["description"])]
        .into_iter()
        .chain(tags)
        .chain(skills)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Words that mean something by themselves, without their commonest endings.
fn words(text: &str) -> BTreeSet<String> {
    const EMPTY: &str = "a about an and are as at be before by can every everybody from has have he her him his how \
        i if in into is it its lets like me my not of on one or our out she so some somebody something somewhere that \
        the their them they this to up us was what when where which who whose why will with without you your";
    let empty: BTreeSet<&str> = EMPTY.split_whitespace().collect();
    let text = text.to_lowercase();
    let words =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1 && !empty.contains(word));
    words.map(stem).collect()
}

fn stem(word: &str) -> String {
    let ending = ["ing", "es", "ed", "s"]
        .into_iter()
        .find(|ending| word.len() > ending.len() + 2 && word.ends_with(ending));
    ending.map_or(word, |ending| &word[..word.len() - ending.len()]).to_owned()
}

fn queries(file: &str) -> Vec<(String, String)> {
    let file = xtask::root().join("tests/fixtures").join(file);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
    let list: Vec<Value> = serde_json::from_str(&text).expect("it is a list");
    let text = |entry: &Value, key: &str| entry[key].as_str().expect("path and query are texts").to_owned();
    list.iter().map(|entry| (text(entry, "path"), text(entry, "query"))).collect()
}
