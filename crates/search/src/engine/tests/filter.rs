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
    Limits { exact_rows: 100, visible_share: 3, over_fetch: 4 }
}

fn engine_of(count: usize) -> Engine<usize> {
    let engine = Engine::with_limits(Arc::new(HashedWords::default()), low_limits());
    for number in 0..count {
        engine.upsert(&format!("{number:04}"), &text(number), number).unwrap();
    }
    engine
}

#[test]
fn two_hundred_nearer_hidden_entries_take_no_place() {
    let engine = Engine::new(Arc::new(HashedWords::default()));
    for number in 0..200 {
        engine.upsert(&format!("hidden {number}"), "weather in Paris", false).unwrap();
    }
    for number in 0..7 {
        engine.upsert(&format!("open {number}"), &format!("ledger {number}"), true).unwrap();
    }
    for (k, expected) in [(1, 1), (5, 5), (7, 7), (50, 7)] {
        let hits = engine.nearest("weather in Paris", k, |open| *open).unwrap();
        assert_eq!(hits.len(), expected);
        assert!(hits.iter().all(|hit| hit.key.starts_with("open")), "{hits:?}");
    }
}

/// The answer by the plainest possible means: everything, then the filter, then the first k.
fn expected(engine: &Engine<usize>, query: &str, k: usize, permitted: impl Fn(usize) -> bool) -> Vec<Hit> {
    let all = Limits { exact_rows: usize::MAX, ..low_limits() };
    let query = engine.embed(query).unwrap();
    let state = engine.read();
    let (found, _) = state.rows.nearest(&query, usize::MAX, &|_| true, &all);
    let found = found.into_iter().filter(|(row, _)| permitted(row.facts)).take(k);
    found.map(|(row, cosine)| Hit { key: row.key.to_string(), cosine }).collect()
}

#[test]
fn every_route_gives_the_same_answer() {
    type Permitted = Box<dyn Fn(usize) -> bool + Sync>;
    let engine = engine_of(600);
    assert!(engine.read().rows.has_graph());
    // Hiding the nearest half leaves the graph no permitted candidate.
    let near = expected(&engine, &text(7), 300, |_| true);
    let near: Vec<usize> = near.iter().map(|hit| hit.key.parse().unwrap()).collect();
    let cases: [(&str, Permitted, Route); 6] = [
        ("all", Box::new(|_| true), Route::Graph),
        ("every other", Box::new(|n| n % 2 == 0), Route::Graph),
        ("few", Box::new(|n| n % 10 == 0), Route::Exact),
        ("less than a third", Box::new(|n| n % 4 == 0), Route::ExactOnTwoThreads),
        ("only the far half", Box::new(move |n| !near.contains(&n)), Route::GraphThenExact),
        ("none", Box::new(|_| false), Route::Exact),
    ];
    for (name, permitted, route) in cases {
        let question = engine.question(&text(7)).unwrap();
        let (hits, taken) = engine.nearest_by(&question, 10, |n| permitted(*n));
        assert_eq!(taken, route, "{name}");
        assert_eq!(hits, expected(&engine, &text(7), 10, &permitted), "{name}");
    }
}

#[test]
fn more_than_there_is_gives_all_there_is() {
    let engine = engine_of(300);
    for k in [usize::MAX, 1000, 300] {
        assert_eq!(engine.nearest("music", k, |_| true).unwrap().len(), 300);
    }
    assert_eq!(engine.nearest("music", usize::MAX, |n| *n < 150).unwrap().len(), 150);
}

#[test]
fn the_graph_follows_changes() {
    let engine = engine_of(400);
    for number in 0..400 {
        match number % 4 {
            0 => assert!(engine.remove(&format!("{number:04}"))),
            1 => engine.upsert(&format!("{number:04}"), &text(number + 5000), number).unwrap(),
            _ => {}
        }
    }
    // Enough new rows to outgrow what the graph reserved.
    for number in 1000..1600 {
        engine.upsert(&format!("{number:04}"), &text(number), number).unwrap();
    }
    let mut found = 0;
    for number in 0..100 {
        let query = text(number * 16);
        let (hits, route) = engine.nearest_by(&engine.question(&query).unwrap(), 10, |_| true);
        assert_eq!(route, Route::Graph);
        assert_eq!(hits.len(), 10);
        let exact = expected(&engine, &query, 10, |_| true);
        found += exact.iter().filter(|hit| hits.contains(hit)).count();
    }
    // The graph is approximate by design; what it finds carries exact cosines and current keys.
    assert!(found >= 950, "recall {found} of 1000");
}

#[test]
fn nothing_hidden_is_found_while_everything_changes() {
    let engine = Engine::with_limits(Arc::new(HashedWords::default()), low_limits());
    let open = |number: usize| number.is_multiple_of(2);
    let key = |number: usize| format!("{} {number}", if open(number) { "open" } else { "hidden" });
    // Facts are the key's own number, so that a row whose parts came apart would show.
    for number in 0..300 {
        engine.upsert(&key(number), &text(number), number).unwrap();
    }
    let writing = AtomicUsize::new(2);
    std::thread::scope(|scope| {
        let (engine, writing) = (&engine, &writing);
        for writer in 0..2 {
            scope.spawn(move || {
                for round in 0..10 {
                    for number in (writer..300).step_by(2 + round % 3) {
                        engine.remove(&key(number));
                        engine.upsert(&key(number), &text(number + round), number).unwrap();
                        engine.set_facts(&key(number), number);
                    }
                }
                writing.fetch_sub(1, Ordering::Release);
            });
            scope.spawn(move || {
                while writing.load(Ordering::Acquire) > 0 {
                    for hit in engine.nearest(&text(writer), 20, |number| open(*number)).unwrap() {
                        assert!(hit.key.starts_with("open"), "{hit:?}");
                    }
                }
            });
        }
    });
    assert_eq!(engine.nearest("music", 300, |number| open(*number)).unwrap().len(), 150);
    for number in 0..300 {
        assert!(engine.remove(&key(number)), "{number}");
    }
    assert!(engine.is_empty());
}
