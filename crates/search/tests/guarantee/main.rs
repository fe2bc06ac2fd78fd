//! Always min(k, what a caller may see) hits, the best of them, and never another one: in catalogues of all sizes and
//! shapes, for callers who see much or little of them, and while everything changes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use search::{Bert, Embedder, Engine, Text};

#[path = "../model/mod.rs"]
mod model;
#[path = "../synthetic/mod.rs"]
mod synthetic;

use synthetic::{Random, Sees, Shape, Synthetic, add, add_as, catalogue, key, scope};

const CALLERS: [Sees; 9] = [
    Sees::Nothing,
    Sees::Few(1),
    Sees::Few(2),
    Sees::Few(5),
    Sees::Scattered(100),
    Sees::Scattered(10),
    Sees::Far(100),
    Sees::Far(10),
    Sees::All,
];
const WANTED: [usize; 4] = [1, 5, 10, 100];
/// A cosine of two f16 roundings may differ from the exact one by so much, in ten thousandths.
const SLACK: f64 = 4.0;

/// The scores of what a caller sees, best first, by the plainest possible means.
fn by_force(vectors: &[Vec<f32>], question: &[f32], sees: impl Fn(usize) -> bool) -> Vec<f64> {
    let cosine = |vector: &[f32]| -> f64 { vector.iter().zip(question).map(|(a, b)| f64::from(a * b)).sum() };
    let seen = vectors.iter().enumerate().filter(|(number, _)| sees(*number));
    let mut scores: Vec<f64> = seen.map(|(_, vector)| cosine(vector).clamp(0.0, 1.0)).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores
}

/// As many as there are and no others, for every caller; and the best ones, but for those whom the graph answers, unless
/// all is to be exact.
fn check(engine: &Engine<usize>, vectors: &[Vec<f32>], questions: &[String], exact: bool) {
    let embed = |text: &str| engine.question(text).unwrap();
    for sees in CALLERS {
        let entries = vectors.len();
        let permitted = |number: &usize| sees.sees(*number, entries);
        let class = sees.class();
        for text in questions {
            let question = embed(text);
            let vector = &synthetic_or(engine, text);
            let best = by_force(vectors, vector, |number| permitted(&number));
            for k in WANTED {
                let hits =
                    engine.search(&question, &scope(&class, &permitted, sees), k, 0.0).unwrap().hits.clone();
                assert_eq!(hits.len(), k.min(best.len()), "{entries} entries, {sees:?}, {k} wanted");
                assert!(hits.is_sorted_by(|a, b| (b.relevance, &a.key) < (a.relevance, &b.key)), "{hits:?}");
                for hit in &hits {
                    let number: usize = hit.key.rsplit('/').next().unwrap().parse().unwrap();
                    assert!(permitted(&number), "{hit:?}");
                }
                let as_good = |at: usize| (hits[at].relevance - best[at]).abs() * 1e4 <= SLACK;
                let good = (0..hits.len()).filter(|at| as_good(*at)).count();
                if exact || sees != Sees::All {
                    assert_eq!(
                        good,
                        hits.len(),
                        "{entries} entries, {sees:?}: {hits:?} instead of {:?}",
                        &best[..k.min(best.len())]
                    );
                }
            }
        }
    }
}

/// How much of the best ten somebody finds from whom nothing can be hidden, over all of these questions.
fn recall_at_ten(engine: &Engine<usize>, vectors: &[Vec<f32>], questions: &[String]) -> f64 {
    let everything = |_: &usize| true;
    let scope = scope("everything", &everything, Sees::All);
    let found = |text: &String| {
        let least = by_force(vectors, &synthetic_or(engine, text), |_| true)[9] - SLACK / 1e4;
        let hits = engine.search(&engine.question(text).unwrap(), &scope, 10, 0.0).unwrap();
        hits.hits.iter().filter(|hit| hit.relevance >= least).count()
    };
    questions.iter().map(found).sum::<usize>() as f64 / (10 * questions.len()) as f64
}

fn synthetic_or(engine: &Engine<usize>, text: &str) -> Vec<f32> {
    match engine.fingerprint() {
        "synthetic" => Synthetic.embed(text).unwrap(),
        _ => MODEL.with(|model| model.borrow().as_ref().unwrap().embed(text).unwrap()),
    }
}

thread_local! {
    static MODEL: std::cell::RefCell<Option<Arc<Bert>>> = const { std::cell::RefCell::new(None) };
}

fn made(shape: Shape, count: usize) -> (Engine<usize>, Vec<Vec<f32>>) {
    let vectors = (0..count).map(|number| Synthetic.embed(&shape.text(number)).unwrap()).collect();
    (catalogue(shape, count, false), vectors)
}

#[test]
fn small_catalogues() {
    for shape in [Shape::Clustered, Shape::Random] {
        for count in [10, 1000] {
            let (engine, vectors) = made(shape, count);
            let questions: Vec<String> = (0..10).map(|number| shape.text(number * 200 + 1_000_000)).collect();
            check(&engine, &vectors, &questions, true);
        }
    }
}

/// Too many for a scan, for those from whom nothing can be hidden: found by the graph.
#[test]
fn a_big_catalogue_of_clusters() {
    let (engine, vectors) = made(Shape::Clustered, 50_000);
    assert!(engine.footprint().graph > 0, "the graph does not find what it should");
    let questions: Vec<String> =
        (0..25).map(|number| Shape::Clustered.text(number * 8 + 1_000_000)).collect();
    check(&engine, &vectors, &questions, false);
    let questions: Vec<String> = (0..200).map(|number| Shape::Clustered.text(number + 2_000_000)).collect();
    let recall = recall_at_ten(&engine, &vectors, &questions);
    println!("recall {recall}");
    assert!(recall >= 0.99, "recall {recall}");
}

/// Vectors without neighbours: a graph would lose them, so there is none.
#[test]
fn a_big_catalogue_of_anything() {
    let (engine, vectors) = made(Shape::Random, 50_000);
    let questions: Vec<String> = (0..5).map(|number| Shape::Random.text(number + 1_000_000)).collect();
    check(&engine, &vectors, &questions, false);
    let recall = recall_at_ten(&engine, &vectors, &questions);
    assert!(recall >= 0.99, "recall {recall}");
}

/// The real model's vectors of the evaluation set's cards.
#[test]
fn a_small_catalogue_of_real_texts() {
    let Some(files) = model::files("a_small_catalogue_of_real_texts") else { return };
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let bert = Arc::new(Bert::load(&files).unwrap());
    MODEL.with(|model| *model.borrow_mut() = Some(bert.clone()));
    let set = std::fs::read_to_string(here.join("../../tests/fixtures/search/entries.json")).unwrap();
    let set: serde_json::Value = serde_json::from_str(&set).unwrap();
    let texts = set["agents"].as_object().unwrap().values().map(|card| card["description"].to_string());
    let engine = Engine::new();
    engine.install(bert.clone(), None).unwrap();
    let mut vectors = Vec::new();
    for (number, text) in texts.enumerate() {
        engine.put(&key(number), &Text { embedded: &text, fields: &[] }, number);
        engine.embed(&key(number), &text).unwrap();
        vectors.push(bert.embed(&text).unwrap());
    }
    let questions = ["checks invoices", "how is the weather", "übersetzt Verträge", "🚀"].map(str::to_owned);
    check(&engine, &vectors, &questions, true);
}

/// So many searches while others register, hide, show and delete. What is always there and visible is enough for every
/// answer, so that none may be short.
#[test]
fn while_everything_changes() {
    changing(20_000);
}

/// `SEARCHES=1000000 cargo test --release -p search --test guarantee -- --ignored`, as `make bench-search` does.
#[test]
#[ignore = "takes minutes"]
fn while_everything_changes_for_long() {
    changing(std::env::var("SEARCHES").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000_000));
}

fn changing(searches: usize) {
    const ENTRIES: usize = 1000;
    // What an entry is for this caller stands in its number: 0 always there, 1 hidden for ever, 2 hidden and shown by
    // its facts, 3 deleted and added again.
    let kind = |number: usize| number % 4;
    const SHOWN: usize = 1 << 32;
    let engine = catalogue(Shape::Clustered, ENTRIES, true);
    let permitted = move |facts: &usize| match kind(facts % SHOWN) {
        1 => false,
        2 => *facts >= SHOWN,
        _ => true,
    };
    let (left, stop) = (AtomicUsize::new(searches), AtomicBool::new(false));
    std::thread::scope(|scope_of_threads| {
        let (engine, left, stop, permitted) = (&engine, &left, &stop, &permitted);
        let changers: Vec<_> = (0..2)
            .map(|changer| {
                scope_of_threads.spawn(move || {
                    let mut random = Random::of(&format!("changer {changer}"));
                    while !stop.load(Ordering::Relaxed) {
                        let number = random.below(ENTRIES) / 2 * 2 + changer;
                        match kind(number) {
                            0 => add(engine, Shape::Clustered, number, true),
                            1 => add(engine, Shape::Random, number, true),
                            2 => add_as(
                                engine,
                                Shape::Clustered,
                                number,
                                number + SHOWN * random.below(2),
                                true,
                            ),
                            _ => {
                                engine.remove(&key(number));
                                add(engine, Shape::Clustered, number, true);
                            }
                        }
                        // Searches are what is counted: they have the processors most of the time.
                        std::thread::sleep(std::time::Duration::from_micros(200));
                    }
                })
            })
            .collect();
        let searchers: Vec<_> = (0..2)
            .map(|searcher| {
                scope_of_threads.spawn(move || {
                    let mut random = Random::of(&format!("searcher {searcher}"));
                    let questions: Vec<_> = (0..50)
                        .map(|number| {
                            engine
                                .question(&format!(
                                    "{} {}",
                                    Shape::Clustered.text(number * 7),
                                    synthetic::word(&mut random)
                                ))
                                .unwrap()
                        })
                        .collect();
                    let scope = scope("caller", permitted, Sees::Few(0));
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                        .is_ok()
                    {
                        let k = [1, 5, 10, 100][random.below(4)];
                        let hits =
                            engine.search(&questions[random.below(50)], &scope, k, 0.0).unwrap().hits.clone();
                        assert_eq!(hits.len(), k, "250 entries are always there and visible");
                        for hit in &hits {
                            let number: usize = hit.key.rsplit('/').next().unwrap().parse().unwrap();
                            assert_ne!(kind(number), 1, "{hit:?}");
                        }
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = searchers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        changers.into_iter().for_each(|changer| changer.join().unwrap());
        outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    });
}
