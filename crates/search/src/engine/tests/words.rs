//! Words beside meaning: the one score, spelling, and what callers find who find different things.

use super::*;

/// A question about everything, of somebody who finds what this says.
fn found(engine: &Engine<bool>, text: &str, class: &str, all: bool) -> Arc<Found> {
    let permitted = |open: &bool| all || *open;
    let scope = Scope { class, permitted: &permitted, open: all, filter: None };
    engine.search(&engine.question(text).unwrap(), &scope, 10, 0.0).unwrap()
}

fn put(engine: &Engine<bool>, key: &str, text: &str, open: bool) {
    let fields = [Field { text, weight: 1 }];
    if engine.put(key, &Text { embedded: text, fields: &fields }, open).is_some() {
        engine.embed(key, text).unwrap();
    }
}

#[test]
fn a_misspelled_word_is_read_both_ways() {
    let engine = engine_with(HashedWords::default());
    put(&engine, "a", "translates contracts", true);
    put(&engine, "b", "deploys clusters", true);
    put(&engine, "c", "kubernetes things", false);
    let hits = found(&engine, "trnaslates", "some", false);
    assert_eq!(hits.did_you_mean.as_deref(), Some("translates"));
    assert_eq!(hits.hits[0].key, "a");
    assert_eq!(hits.hits[0].terms, ["translates"]);
    assert!(hits.hits[0].relevance > 0.7);
    // What a caller cannot see is no spelling for him either.
    assert_eq!(found(&engine, "kubernetse", "some", false).did_you_mean, None);
    assert_eq!(found(&engine, "kubernetse", "all", true).did_you_mean.as_deref(), Some("kubernetes"));
    put(&engine, "c", "kubernetes things", true);
    assert_eq!(found(&engine, "kubernetse", "some", false).did_you_mean.as_deref(), Some("kubernetes"));
    engine.remove("c");
    assert_eq!(found(&engine, "kubernetse", "some", false).did_you_mean, None);
}

#[test]
fn a_filter_changes_who_answers_and_not_what_words_are_worth() {
    let engine = engine_with(HashedWords::default());
    for (key, text) in [("a", "weather one"), ("b", "weather two"), ("c", "ledger")] {
        put(&engine, key, text, key != "b");
    }
    let all = found(&engine, "weather ledger", "all", true).hits.clone();
    for name in [Some("closed"), None] {
        let filter = Filter { name, admits: &|open: &bool| !open };
        let scope = Scope { class: "all", permitted: &|_| true, open: true, filter: Some(filter) };
        let some =
            engine.search(&engine.question("weather ledger").unwrap(), &scope, 10, 0.0).unwrap().hits.clone();
        let b: Vec<Hit> = all.iter().filter(|hit| hit.key == "b").cloned().collect();
        assert_eq!(some, b);
    }
}

/// Two catalogues that are alike but for what a caller cannot see give him the same bytes.
#[test]
fn what_is_hidden_changes_nothing() {
    const WORDS: [&str; 8] =
        ["weather", "whether", "ledger", "ledgers", "invoice", "paris", "translate", "deploy"];
    let mut seed = 7_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let engine = engine_with(HashedWords::default());
    let plain = engine_with(HashedWords::default());
    for number in 0..40 {
        let text = format!("{} {}", WORDS[random(8)], WORDS[random(8)]);
        put(&engine, &format!("open {number}"), &text, true);
        put(&plain, &format!("open {number}"), &text, true);
    }
    let questions = ["weather in paris", "legder", "invoicee translat", "nothing of it", "ledgers"];
    let before: Vec<Arc<Found>> = questions.map(|text| found(&plain, text, "some", false)).into();
    for round in 0..200 {
        let key = format!("hidden {}", random(30));
        match random(4) {
            0 => drop(engine.remove(&key)),
            _ => put(&engine, &key, &format!("{} legder {round} invoicee", WORDS[random(8)]), false),
        }
        let at = random(questions.len());
        assert_eq!(found(&engine, questions[at], "some", false), before[at], "{}", questions[at]);
    }
}
