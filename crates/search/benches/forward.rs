//! What one question costs: `cargo bench -p search --bench forward [-- MODEL_FOLDER]`.
//!
//! CPU time from text to vector, one text at a time on one thread, of ours and of others, in alternating rounds of the
//! same questions; said as ratios of one round. The others: candle-transformers as it is, and, when their
//! packages can be had from PyPI (3 GB, once, below the folder for temporary files), sentence-transformers and
//! onnxruntime with the same weights in f32. The bars: sentence-transformers takes at least 2.5 times as long,
//! onnxruntime not less than ours.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use search::{Bert, Embedder, ModelFiles, single_threaded_maths};
use serde_json::Value;
use sha2::{Digest, Sha256};

#[path = "../tests/reference/mod.rs"]
mod reference;

use reference::Reference;

const QUESTIONS: usize = 200;
const ROUNDS: usize = 9;

/// Somebody who embeds texts, and what it costs him.
trait Runner {
    /// The vectors of the questions.
    fn vectors(&mut self) -> Vec<Vec<f32>>;
    /// CPU seconds for all of the questions.
    fn round(&mut self) -> f64;
}

fn main() {
    let folder = std::env::args_os().skip(1).find(|word| !word.to_string_lossy().starts_with("--"));
    let folder = folder.map_or_else(|| here("../../data/model"), PathBuf::from);
    let files = match ModelFiles::in_folder(&folder) {
        Ok(files) => files,
        Err(reason) => return println!("SKIPPED: no model to measure: {reason}"),
    };
    single_threaded_maths().unwrap();
    let texts = questions();
    let (bert, candle) = (Bert::load(&files).unwrap(), Reference::load(&files));
    let tokens: usize = texts.iter().map(|text| candle.tokens(text)).sum();
    println!("{} questions, {:.1} tokens on average", texts.len(), tokens as f64 / texts.len() as f64);

    let ours = Here { texts: &texts, embed: Box::new(|text| bert.embed(text).unwrap()) };
    let as_is = Here { texts: &texts, embed: Box::new(|text| candle.embed(text)) };
    let mut runners: Vec<(String, Box<dyn Runner + '_>)> =
        vec![("ours".into(), Box::new(ours)), ("candle-transformers as it is".into(), Box::new(as_is))];
    match python() {
        Err(reason) => println!("SKIPPED: sentence-transformers and onnxruntime: {reason}"),
        Ok(python) => {
            for engine in ["sentence-transformers", "onnxruntime"] {
                match There::start(&python, engine, &folder, &texts) {
                    Ok((what, there)) => runners.push((what, Box::new(there))),
                    Err(reason) => println!("SKIPPED: {engine}: {reason}"),
                }
            }
        }
    }
    agree(&mut runners);
    compare(&mut runners);
}

/// Nobody is fast by computing something else.
fn agree(runners: &mut [(String, Box<dyn Runner + '_>)]) {
    let ours = runners[0].1.vectors();
    for (name, runner) in &mut runners[1..] {
        let cosines =
            runner.vectors().iter().zip(&ours).map(|(theirs, ours)| dot(theirs, ours)).collect::<Vec<_>>();
        let least = cosines.iter().copied().fold(1.0, f64::min);
        assert!(cosines.len() == ours.len() && least > 0.9999, "{name} answers otherwise: cosine {least}");
        println!("least cosine of ours with {name}: {least:.7}");
    }
}

fn compare(runners: &mut [(String, Box<dyn Runner + '_>)]) {
    let rounds: Vec<Vec<f64>> =
        (0..ROUNDS).map(|_| runners.iter_mut().map(|(_, runner)| runner.round()).collect()).collect();
    for (place, (name, _)) in runners.iter().enumerate() {
        let each = median(rounds.iter().map(|round| round[place] / QUESTIONS as f64 * 1e3).collect());
        let mut ratios: Vec<f64> = rounds.iter().map(|round| round[place] / round[0]).collect();
        ratios.sort_by(f64::total_cmp);
        let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
        println!("{:.2} × ours ({least:.2} – {most:.2}), {each:.2} ms: {name}", median(ratios));
    }
}

type Embed<'a> = Box<dyn Fn(&str) -> Vec<f32> + 'a>;

/// An embedder of this process.
struct Here<'a> {
    texts: &'a [String],
    embed: Embed<'a>,
}

impl Runner for Here<'_> {
    fn vectors(&mut self) -> Vec<Vec<f32>> {
        self.texts.iter().map(|text| (self.embed)(text)).collect()
    }

    fn round(&mut self) -> f64 {
        let start = thread_seconds();
        self.texts.iter().for_each(|text| drop((self.embed)(text)));
        thread_seconds() - start
    }
}

/// CPU time of this thread, which is alone with its arithmetic.
fn thread_seconds() -> f64 {
    let line = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// An embedder of a Python process: `forward/others.py`.
struct There {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    vectors: Vec<Vec<f32>>,
}

impl There {
    fn start(python: &Path, engine: &str, model: &Path, texts: &[String]) -> Result<(String, Self), String> {
        let work = python.parent().and_then(Path::parent).unwrap();
        let complaints = work.join(format!("{engine}.log"));
        let mut child = Command::new(python)
            .arg(here("benches/forward/others.py"))
            .args([engine.as_ref(), model.as_os_str(), work.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&complaints).map_err(|cause| cause.to_string())?)
            .spawn()
            .map_err(|cause| cause.to_string())?;
        let (mut asks, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut answers = BufReader::new(answers);
        let mut line = String::new();
        let asked = writeln!(asks, "{}", serde_json::to_string(texts).unwrap());
        if asked.and_then(|()| answers.read_line(&mut line)).is_err() || line.is_empty() {
            let said = fs::read_to_string(&complaints).unwrap_or_default();
            let _ = child.wait();
            return Err(said.lines().last().unwrap_or("it said nothing").to_owned());
        }
        let answer: Value = serde_json::from_str(&line).map_err(|cause| cause.to_string())?;
        let vectors = serde_json::from_value(answer["vectors"].clone()).map_err(|cause| cause.to_string())?;
        let what = answer["what"].as_str().unwrap_or(engine).to_owned();
        Ok((what, Self { child, asks, answers, vectors }))
    }
}

impl Runner for There {
    fn vectors(&mut self) -> Vec<Vec<f32>> {
        self.vectors.clone()
    }

    fn round(&mut self) -> f64 {
        writeln!(self.asks, "again").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }
}

impl Drop for There {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has the packages of `forward/requirements.txt`; the folder's name says which they are.
fn python() -> Result<PathBuf, String> {
    let pins = here("benches/forward/requirements.txt");
    let digest = Sha256::digest(fs::read(&pins).map_err(|cause| cause.to_string())?);
    let name = format!("search-forward-{digest:x}");
    let folder = std::env::temp_dir().join(&name[..31]);
    let program = folder.join("bin/python");
    if program.is_file() {
        return Ok(program);
    }
    println!(
        "installing sentence-transformers and onnxruntime from PyPI (3 GB, minutes) at {}",
        folder.display()
    );
    let beside =
        tempfile::Builder::new().prefix("search-forward-").tempdir().map_err(|cause| cause.to_string())?;
    run(Command::new("python3").args(["-m", "venv"]).arg(beside.path()))?;
    let mut pip = Command::new(beside.path().join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--no-cache-dir",
        "--disable-pip-version-check",
    ]);
    // Wheels alone: nothing of a package runs while it is installed.
    run(pip.args(["--only-binary", ":all:", "--retries", "2", "--requirement"]).arg(&pins))?;
    // Moved whole: whoever finds it finds all of it. Only bin/python is used, which works wherever it lies.
    fs::rename(beside.keep(), &folder).map_err(|cause| cause.to_string())?;
    Ok(program)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|cause| format!("{}: {cause}", command.get_program().display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| said.lines().last().unwrap_or_default().to_owned())
}

/// Of the graded questions that the search is measured with, some of every part.
fn questions() -> Vec<String> {
    let file = fs::read_to_string(here("../../tests/fixtures/search/questions.json")).unwrap();
    let questions: Vec<Value> = serde_json::from_str(&file).unwrap();
    let step = (questions.len() / QUESTIONS).max(1);
    questions
        .iter()
        .step_by(step)
        .take(QUESTIONS)
        .map(|question| question["text"].as_str().unwrap().to_owned())
        .collect()
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
