//! `registry index check`: are the vectors that a registry keeps those of what it keeps?
//!
//! The registry that serves compares its index with its stores itself (`GET /index/check` at `--admin-listen`); this
//! makes vectors anew, which no registry that serves has the time for.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use half::f16;
use search::{Bert, Embedder, Engine, ModelSource, SavedVectors, VectorsError};

use super::kept::{Kept, Pictures};
use crate::indexing::{Document, documents};
use crate::storage::{Storage, VECTORS};

/// Vectors of one text are at least this alike: they are kept in half precision, and processors round differently.
const ALIKE: f32 = 0.999;
/// How many faults are told one by one.
const TOLD: usize = 100;

/// `registry index …`.
#[derive(Debug, Subcommand)]
pub enum IndexCommand {
    /// Make the vectors of what is kept anew, compare them with vectors.bin, and say what is damaged, missing or left
    /// over. Changes nothing: a registry that starts mends all that by itself.
    Check(Check),
}

/// `registry index check …`.
#[derive(Debug, Args)]
pub struct Check {
    /// Make so many vectors anew, spread evenly, instead of all.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
}

impl IndexCommand {
    /// Does it, and prints what came of it. Exit code 0 when every entry has its vector in the file, 1 when not, and
    /// 2 for wrong use, or where there is no model to compare with.
    pub fn run(&self, storage: Storage, model: &ModelSource) -> ExitCode {
        let IndexCommand::Check(Check { sample }) = self;
        let wrong = |reason: &str| {
            eprintln!("registry: {reason}");
            ExitCode::from(2)
        };
        let Storage::File { state, .. } = &storage else {
            return wrong(
                "this is for --store file; with a database, ask a running registry: GET /index/check",
            );
        };
        let file = state.join(VECTORS);
        let pictures = match Kept(storage).pictures() {
            Ok(pictures) => pictures,
            Err(fault) => {
                eprintln!("registry: {fault}");
                return ExitCode::FAILURE;
            }
        };
        let embedder = match model.locate().and_then(|files| Bert::load(&files)) {
            Ok(bert) => Arc::new(bert),
            Err(fault) => return wrong(&fault.to_string()),
        };
        let report = check(&pictures, &file, embedder, *sample);
        print!("{}", report.text);
        if report.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// What was found.
struct Report {
    text: String,
    sound: bool,
}

/// The same with any embedder.
fn check(pictures: &Pictures, file: &Path, embedder: Arc<dyn Embedder>, sample: Option<usize>) -> Report {
    let mut report = Report { text: String::new(), sound: true };
    let engine = Engine::new();
    let saved = SavedVectors::read(file, embedder.as_ref());
    let count = saved.as_ref().map_or(0, SavedVectors::len);
    let is_absent = matches!(saved, Err(VectorsError::Absent(_)));
    let installed = match saved {
        Ok(saved) => engine.install(embedder.clone(), Some(saved)),
        Err(fault) => engine.install(embedder.clone(), None).and(Err(fault)),
    };
    let documents = documents(&pictures.agents, &pictures.servers);
    if let Err(fault) = installed
        && !(is_absent && documents.is_empty())
    {
        report.fault(&fault.to_string());
    }
    let (mut used, mut missing, mut held) = (HashSet::new(), Vec::new(), Vec::new());
    for document in &documents {
        let key = document.key().spelled();
        document.with_text(|text| engine.put(&key, text, ()));
        match engine.vector(&key) {
            Some((text, vector)) => {
                used.insert(text);
                held.push((document, vector));
            }
            None => missing.push(document),
        }
    }
    for document in missing.iter().take(if is_absent { 0 } else { TOLD }) {
        report.fault(&format!("{} has no vector in the file", document.key()));
    }
    report.sound &= missing.is_empty();
    let compared = compare(&held, embedder.as_ref(), sample, &mut report);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let left = count.saturating_sub(used.len());
    let _ = writeln!(
        report.text,
        "{name}: {} entries, {} with a vector, {} without; {compared} vectors made anew, {left} left over",
        documents.len(),
        held.len(),
        missing.len(),
    );
    report
}

/// Makes vectors anew; how many.
fn compare(
    held: &[(&Document, Vec<u8>)],
    embedder: &dyn Embedder,
    sample: Option<usize>,
    report: &mut Report,
) -> usize {
    let count = sample.unwrap_or(held.len()).min(held.len());
    let chosen: Vec<_> = (0..count).filter_map(|at| held.get(at * held.len() / count)).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = chosen.chunks(chosen.len().div_ceil(cores).max(1));
    let faults: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .map(|part| {
                scope.spawn(|| {
                    let _ = search::single_threaded_maths();
                    part.iter()
                        .filter_map(|(document, kept)| unlike(document, kept, embedder))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|_| vec!["the model failed".to_owned()]))
            .collect()
    });
    faults.iter().take(TOLD).for_each(|fault| report.fault(fault));
    report.sound &= faults.is_empty();
    count
}

/// What is wrong with a kept vector.
fn unlike(document: &Document, kept: &[u8], embedder: &dyn Embedder) -> Option<String> {
    let made = match embedder.embed(&document.embedded()) {
        Ok(made) => made,
        Err(fault) => return Some(format!("{} cannot be read by the model: {fault}", document.key())),
    };
    let kept: Vec<f32> =
        kept.as_chunks::<2>().0.iter().map(|value| f16::from_le_bytes(*value).to_f32()).collect();
    let product = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(x, y)| x * y).sum::<f32>();
    let lengths = (product(&kept, &kept) * product(&made, &made)).sqrt();
    let cosine = product(&kept, &made) / lengths;
    // A NaN is not alike, either.
    let is_alike = cosine > ALIKE;
    (!is_alike)
        .then(|| format!("{} has another vector than its text has: cosine {cosine:.4}", document.key()))
}

impl Report {
    fn fault(&mut self, fault: &str) {
        self.sound = false;
        let _ = writeln!(self.text, "{fault}");
    }
}

#[cfg(test)]
mod tests;
