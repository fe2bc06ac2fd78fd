//! Prints what embedding and searching cost here: `cargo run --release -p search --example measure MODEL_FOLDER`.
//!
//! The thresholds in `index.rs` and the advice in `threads.rs` come from it. Start it with and without
//! `RAYON_NUM_THREADS=1`, and on an otherwise idle machine.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use search::{Bert, Embedder, Engine, ModelFiles, SavedVectors, SearchError, single_threaded_maths};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Fifteen tokens, the two markers included.
const QUERY: &str = "agent that extracts the fields of scanned invoices for our accounting";

/// Vectors around 200 centres, at no cost, so that only the search is measured.
struct Clusters;

impl Embedder for Clusters {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        let seed = text.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let (mut centre, mut own) = (seed % 200 + 1, seed | 1);
        let mut vector: Vec<f32> = (0..384).map(|_| noise(&mut centre) + 0.7 * noise(&mut own)).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
        Ok(vector)
    }
    fn dimensions(&self) -> usize {
        384
    }
    fn fingerprint(&self) -> &str {
        "clusters"
    }
}

/// -1 to 1, by splitmix64.
fn noise(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
}

/// Median and ninth decile of some runs, in milliseconds.
fn timed<T>(runs: usize, mut run: impl FnMut() -> Outcome<T>) -> Outcome<(f64, f64)> {
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed());
    }
    times.sort();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    Ok((milliseconds(times[runs / 2]), milliseconds(times[runs * 9 / 10])))
}

fn embedding(folder: PathBuf) -> Outcome<()> {
    let files = ModelFiles::in_folder(&folder)?;
    let bert = Bert::load(&files)?;
    let load = timed(5, || Ok(Bert::load(&files)?))?;
    println!("load: {load:.1?} ms (median, ninth decile)");
    for (alone, workers) in [(false, 1), (false, 2), (true, 1), (true, 2)] {
        let worker = || -> Outcome<(f64, f64)> {
            if alone {
                single_threaded_maths()?;
            }
            timed(20, || Ok(bert.embed(QUERY)?))?;
            timed(200, || Ok(bert.embed(QUERY)?))
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
            for time in running {
                println!("embed, {workers} at once, single_threaded_maths {alone}: {:.2?} ms", time.join());
            }
        });
    }
    Ok(())
}

fn searching() -> Outcome<()> {
    let engine = Engine::new(Arc::new(Clusters));
    let embedding = timed(200, || Ok(Clusters.embed(QUERY)?))?;
    println!("making a test vector, contained in all that follows: {embedding:.3?} ms");
    let mut rows = 0_usize;
    for size in [1_000, 10_000, 20_000, 100_000] {
        let start = Instant::now();
        while rows < size {
            engine.upsert(&rows.to_string(), &format!("text {rows}"), rows)?;
            rows += 1;
        }
        println!("{size} rows; adding them took {:.1?}", start.elapsed());
        for (share, one_in) in [("all", 1), ("half", 2), ("a fifth", 5), ("a tenth", 10)] {
            let time = timed(100, || Ok(engine.nearest(QUERY, 10, |row| row.is_multiple_of(one_in))?))?;
            println!("  {share} visible: {time:.3?} ms");
        }
    }
    let path = std::env::temp_dir().join("measure-vectors");
    let save = timed(3, || Ok(engine.save(&path)?))?;
    let read = timed(3, || Ok(SavedVectors::read(&path, &Clusters)?))?;
    println!("saving {rows} vectors: {save:.0?} ms, reading them: {read:.0?} ms");
    Ok(std::fs::remove_file(path)?)
}

fn main() -> Outcome<()> {
    match std::env::args_os().nth(1) {
        Some(folder) => embedding(folder.into())?,
        None => println!("no model folder named: embedding is not measured"),
    }
    searching()
}
