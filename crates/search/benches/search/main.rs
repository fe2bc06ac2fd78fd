//! What a search costs without the embedding, and how much memory the index takes: `make bench-search`.
//!
//! CPU time of one question among so many entries for callers who see so much of them, words included, beside a bare
//! scan of the f16 vectors of exactly what the caller sees, by the same arithmetic, in alternating rounds. Vectors and
//! texts are made up: clusters, and words as common and as rare as in real texts.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use search::{Embedder, Engine, Question};

#[path = "../../src/rows/matrix.rs"]
#[allow(dead_code, unused_imports)]
mod matrix;
#[path = "../../tests/synthetic/mod.rs"]
mod synthetic;

use matrix::{Matrix, to_half};
use synthetic::{Random, Sees, Shape, Synthetic, catalogue, scope, word};

const ROUNDS: usize = 7;
/// As many questions are asked in a round as take about so long.
const ROUND: Duration = Duration::from_millis(60);
const QUESTIONS: usize = 300;
const HITS: usize = 10;

fn main() {
    let million = std::env::args().any(|word| word == "--million");
    let sizes = [1_000, 10_000, 20_000, 100_000].into_iter().chain(million.then_some(1_000_000));
    println!("| entries | seen | bare scan, µs | search, µs | of the scan | asked again, µs |");
    println!("|---|---|---|---|---|---|");
    let mut memory = Vec::new();
    for entries in sizes {
        let engine = catalogue(Shape::Clustered, entries, true);
        let vectors = vectors(entries);
        let callers = [
            ("all, nothing can be hidden from him", Sees::All, true),
            ("all", Sees::All, false),
            ("one in five", Sees::Scattered(5), false),
            ("one in ten", Sees::Scattered(10), false),
            ("one in a hundred", Sees::Scattered(100), false),
        ];
        for (name, sees, open) in callers {
            measure(&engine, &vectors, entries, name, sees, open);
        }
        memory.push((entries, engine.footprint()));
    }
    println!("\n| entries | rows, bytes each | words, bytes each | graph, bytes each |");
    println!("|---|---|---|---|");
    for (entries, held) in memory {
        let each = |bytes: usize| bytes / entries;
        println!("| {entries} | {} | {} | {} |", each(held.rows), each(held.words), each(held.graph));
    }
}

fn vectors(entries: usize) -> Matrix {
    let mut matrix = Matrix::new(synthetic::WIDTH);
    matrix.reach(entries as u32 - 1);
    for number in 0..entries {
        matrix.set(number as u32, &to_half(&Synthetic.embed(&Shape::Clustered.text(number)).unwrap()));
    }
    matrix
}

/// Three words each, and a vector near a cluster.
fn questions(engine: &Engine<usize>) -> Vec<(Arc<Question>, Vec<f32>)> {
    let mut random = Random::of("questions");
    let question = |number: usize| {
        let words: Vec<String> = (0..3).map(|_| word(&mut random)).collect();
        let text = format!("{} {}", Shape::Clustered.text(number + 5_000_000), words.join(" "));
        (engine.question(&text).unwrap(), Synthetic.embed(&text).unwrap())
    };
    (0..QUESTIONS).map(question).collect()
}

fn measure(engine: &Engine<usize>, vectors: &Matrix, entries: usize, name: &str, sees: Sees, open: bool) {
    let permitted = |number: &usize| sees.sees(*number, entries);
    let rows: Vec<u32> = (0..entries as u32).filter(|number| permitted(&(*number as usize))).collect();
    let questions = questions(engine);
    let class = format!("{name} {entries}");
    let mut scope = scope(&class, &permitted, sees);
    scope.open = open;
    let bare = |(_, vector): &(Arc<Question>, Vec<f32>)| drop(black_box(vectors.cosines(vector, &rows)));
    let search = |(question, _): &(Arc<Question>, Vec<f32>), least: f64| {
        let found = engine.search(question, &scope, HITS, least).unwrap();
        assert_eq!(found.hits.len(), HITS.min(rows.len()));
    };
    questions.iter().for_each(|question| search(question, 0.0));
    let (mut scans, mut searches, mut ratios, mut again) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Each time another least relevance, which leaves nothing out: so that no answer is one that was kept.
    let mut least = -1.0;
    for _ in 0..ROUNDS {
        let scan = each(&questions, bare);
        let found = each(&questions, |question| {
            least += 1e-9;
            search(question, least);
        });
        ratios.push(found / scan);
        scans.push(scan);
        searches.push(found);
        again.push(each(&questions, |question| search(question, 0.0)));
    }
    let micros = |times: &mut Vec<f64>| median(times) * 1e6;
    println!(
        "| {entries} | {name} | {:.1} | {:.1} | {:.2} | {:.1} |",
        micros(&mut scans),
        micros(&mut searches),
        median(&mut ratios),
        micros(&mut again)
    );
}

/// CPU seconds of one question, of as many as fill a round.
fn each<T>(questions: &[T], mut ask: impl FnMut(&T)) -> f64 {
    let (begun, cpu) = (Instant::now(), cpu());
    let mut asked = 0_u32;
    for question in questions.iter().cycle() {
        ask(question);
        asked += 1;
        if begun.elapsed() >= ROUND {
            break;
        }
    }
    (self::cpu() - cpu) / f64::from(asked)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// CPU seconds of this process, all its threads.
fn cpu() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
