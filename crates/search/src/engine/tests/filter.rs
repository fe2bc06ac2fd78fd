//! The filter is the boundary, on every route and beside every change.

use super::*;

const WORDS: [&str; 12] = [
    "weather",
    "flight",
    "invoice",
    "paris",
    "hotel",
    "ledger",
    "stock",
    "translate",
    "deploy",
    "contract",
    "image",
    "music",
];

/// A text of its own for each number, in a few families.
fn text(number: usize) -> String {
    let word = |n: usize| WORDS[n % WORDS.len()];
    format!("{} {} {} {number}", word(number), word(number / 12), word(number / 5 + 3))
}

fn low_limits() -> Limits {
    Limits { exact_rows: 100, wanted_share: 3, over_fetch: 4, rows_per_node: 1 }
}

fn engine_of(count: usize) -> Engine<usize> {
    let engine = engine_within(HashedWords::default(), low_limits());
    for number in 0..count {
        keep(&engine, &format!("{number:04}"), &text(number), number);
    }
    engine.tend();
    engine
}

#[test]
fn two_hundred_nearer_hidden_entries_take_no_place() {
    let engine = engine_with(HashedWords::default());
    for number in 0..200 {
        keep(&engine, &format!("hidden {number}"), "weather in Paris", false);
    }
    for number in 0..7 {
        keep(&engine, &format!("open {number}"), &format!("ledger {number}"), true);
    }
    for (k, expected) in [(1, 1), (5, 5), (7, 7), (50, 7)] {
        let hits = nearest(&engine, "weather in Paris", k, |open| *open);
        assert_eq!(hits.len(), expected);
        assert!(hits.iter().all(|hit| hit.key.starts_with("open")), "{hits:?}");
    }
}

/// The answer by the plainest possible means: everything, then the filter, then the first k.
fn expected(
    engine: &Engine<usize>,
    query: &str,
    k: usize,
    permitted: impl Fn(usize) -> bool,
) -> Vec<(String, u32)> {
    let query = engine.embedder.get().unwrap().embed(query).unwrap();
    let state = engine.read();
    let cosine = |at: u32| state.rows.matrix().cosines(&query, &[at])[0];
    let all = state.rows.all().filter(|(_, row)| permitted(row.facts));
    let mut all: Vec<(String, u32)> = all
        .map(|(at, row)| (row.key.to_string(), (cosine(at).clamp(0.0, 1.0) * 1e4).round() as u32))
        .collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.truncate(k);
    all
}

fn shown(hits: &[Hit]) -> Vec<(String, u32)> {
    hits.iter().map(|hit| (hit.key.clone(), (hit.relevance * 1e4).round() as u32)).collect()
}

#[test]
fn every_route_gives_the_same_answer() {
    type Permitted = Box<dyn Fn(usize) -> bool + Sync>;
    let engine = engine_of(600);
    assert!(engine.read().rows.graph().is_some());
    // Hiding the nearest half leaves the graph no permitted candidate.
    let near = expected(&engine, &text(7), 300, |_| true);
    let near: Vec<usize> = near.iter().map(|(key, _)| key.parse().unwrap()).collect();
    let cases: [(&str, Permitted, Route); 6] = [
        ("all", Box::new(|_| true), Route::Graph),
        ("every other", Box::new(|n| n % 2 == 0), Route::Graph),
        ("few", Box::new(|n| n % 10 == 0), Route::Exact),
        ("less than a third", Box::new(|n| n % 4 == 0), Route::ExactOnTwoThreads),
        ("only the far half", Box::new(move |n| !near.contains(&n)), Route::GraphThenExact),
        ("none", Box::new(|_| false), Route::Exact),
    ];
    for (name, permitted, route) in cases {
        let (hits, taken) = nearest_by(&engine, &text(7), 10, |n| permitted(*n));
        assert_eq!(taken, route, "{name}");
        assert_eq!(shown(&hits), expected(&engine, &text(7), 10, &permitted), "{name}");
    }
}

/// What a graph leaves out depends on all entries there are.
#[test]
fn a_graph_is_for_those_from_whom_nothing_can_be_hidden() {
    let engine = engine_of(600);
    let scope = Scope { class: "some", permitted: &|_| true, open: false, filter: None };
    let (_, route) = engine.search_by(&engine.question("music").unwrap(), &scope, 10, 0.0).unwrap();
    assert_eq!(route, Route::ExactOnTwoThreads);
}

#[test]
fn more_than_there_is_gives_all_there_is() {
    let engine = engine_of(300);
    for k in [usize::MAX / 4, 1000, 300] {
        assert_eq!(nearest(&engine, "music", k, |_| true).len(), 300);
    }
    assert_eq!(nearest(&engine, "music", 1000, |n| *n < 150).len(), 150);
}

#[test]
fn the_graph_follows_changes() {
    let engine = engine_of(400);
    for number in 0..400 {
        match number % 4 {
            0 => assert!(engine.remove(&format!("{number:04}"))),
            1 => keep(&engine, &format!("{number:04}"), &text(number + 5000), number),
            _ => {}
        }
    }
    // Enough new rows to outgrow what the graph reserved.
    for number in 1000..1600 {
        keep(&engine, &format!("{number:04}"), &text(number), number);
    }
    let mut found = 0;
    for number in 0..100 {
        let query = text(number * 16);
        let (hits, route) = nearest_by(&engine, &query, 10, |_| true);
        assert_eq!(route, Route::Graph);
        assert_eq!(hits.len(), 10);
        let hits = shown(&hits);
        found += expected(&engine, &query, 10, |_| true).iter().filter(|hit| hits.contains(hit)).count();
    }
    // The graph is approximate by design; what it finds carries exact cosines and current keys.
    assert!(found >= 950, "recall {found} of 1000");
}

#[test]
fn a_worn_graph_is_built_anew_or_dropped() {
    let engine = engine_within(HashedWords::default(), Limits { rows_per_node: 5, ..low_limits() });
    let is_worn = || engine.read().rows.graph().expect("a graph").is_worn();
    let grow = |to: usize| {
        let from = engine.len();
        (from..to).for_each(|number| keep(&engine, &format!("{number:04}"), &text(number), number));
    };
    grow(400);
    engine.tend();
    grow(600);
    assert!(!is_worn());
    grow(601);
    assert!(is_worn());
    engine.tend();
    assert!(!is_worn());
    // So few that a scan is quicker than what a graph must look at.
    for number in 0..350 {
        assert!(engine.remove(&format!("{number:04}")));
    }
    assert!(is_worn());
    engine.tend();
    let (hits, route) = nearest_by(&engine, &text(500), 10, |_| true);
    assert_eq!((hits.len(), route), (10, Route::ExactOnTwoThreads));
}

/// Rows that share words are weighed even where the graph does not think them near.
#[test]
fn words_outweigh_the_graph() {
    let engine = engine_of(600);
    for number in 0..600 {
        let (text, words) = (text(number), [Field { text: &text(number), weight: 1 }]);
        engine.put(&format!("{number:04}"), &Text { embedded: &text, fields: &words }, number);
    }
    let fields = [Field { text: "zeppelin", weight: 3 }];
    engine.put("far", &Text { embedded: "nothing like it at all", fields: &fields }, 9999);
    engine.embed("far", "nothing like it at all").unwrap();
    let (hits, route) = nearest_by(&engine, "zeppelin", 5, |_| true);
    assert_eq!((route, hits[0].key.as_str()), (Route::Graph, "far"));
}

#[test]
fn nothing_hidden_is_found_while_everything_changes() {
    let engine = engine_within(HashedWords::default(), low_limits());
    let open = |number: usize| number.is_multiple_of(2);
    let key = |number: usize| format!("{} {number}", if open(number) { "open" } else { "hidden" });
    // Facts are the key's own number, so that a row whose parts came apart would show.
    for number in 0..300 {
        keep(&engine, &key(number), &text(number), number);
    }
    engine.tend();
    let writing = AtomicUsize::new(2);
    std::thread::scope(|scope| {
        let (engine, writing) = (&engine, &writing);
        for writer in 0..2 {
            scope.spawn(move || {
                for round in 0..10 {
                    for number in (writer..300).step_by(2 + round % 3) {
                        engine.remove(&key(number));
                        keep(engine, &key(number), &text(number + round), number);
                    }
                }
                writing.fetch_sub(1, Ordering::Release);
            });
            scope.spawn(move || {
                let scope = Scope {
                    class: "open",
                    permitted: &|n: &usize| open(*n),
                    open: writer == 0,
                    filter: None,
                };
                while writing.load(Ordering::Acquire) > 0 {
                    let question = engine.question(&text(writer)).unwrap();
                    for hit in &engine.search(&question, &scope, 20, 0.0).unwrap().hits {
                        assert!(hit.key.starts_with("open"), "{hit:?}");
                    }
                }
            });
        }
    });
    assert_eq!(nearest(&engine, "music", 300, |number| open(*number)).len(), 150);
    for number in 0..300 {
        assert!(engine.remove(&key(number)), "{number}");
    }
    assert!(engine.is_empty());
}
