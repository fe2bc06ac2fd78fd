//! How well the evaluation set is found (`tests/fixtures/search`): `cargo bench -p search --bench quality [-- --misses]`.
//!
//! Every question is ranked over all agents, servers and tools by the cosine alone, by the words alone and by the one
//! score, each with and without spelling repair. Needs the model in `data/model`. Nothing is tuned to this set.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::{AgentEntry, Entry as _, EntryPath, ServerEntry, text};
use search::{Bert, Embedder, Engine, Field, Hit, ModelFiles, Scope, SearchError, Text};
use serde_json::Value;

/// The model, which may be told that it knows every word: then nothing is repaired.
struct Model {
    bert: Arc<Bert>,
    knows_all: bool,
}

impl Embedder for Model {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        self.bert.embed(text)
    }
    fn knows(&self, word: &str) -> bool {
        self.knows_all || self.bert.knows(word)
    }
    fn dimensions(&self) -> usize {
        self.bert.dimensions()
    }
    fn fingerprint(&self) -> &str {
        self.bert.fingerprint()
    }
}

struct Question {
    id: String,
    /// One of `KINDS`.
    kind: String,
    text: String,
    right: HashMap<String, f64>,
}

/// The kinds of questions, and all of them but those with a typo.
const KINDS: [&str; 7] =
    ["all", "paraphrase", "exact", "ordinary", "paraphrase, a typo", "exact, a typo", "ordinary, a typo"];

/// By what hits are in order.
#[derive(Clone, Copy)]
enum By {
    Cosine,
    Words,
    OneScore,
}

/// Means over questions.
#[derive(Default)]
struct Sums {
    questions: f64,
    first: f64,
    top_three: f64,
    recall_five: f64,
    reciprocal: f64,
    gain: f64,
}

fn main() {
    let files = match ModelFiles::in_folder(&here("../../data/model")) {
        Ok(files) => files,
        Err(reason) => return println!("SKIPPED: no model to measure with: {reason}"),
    };
    let bert = Arc::new(Bert::load(&files).unwrap());
    let engine = |knows_all| {
        let engine = Engine::new();
        engine.install(Arc::new(Model { bert: bert.clone(), knows_all }), None).unwrap();
        fill(&engine);
        engine
    };
    let (plain, spelling) = (engine(true), engine(false));
    let questions = questions();
    println!("{} entries, {} questions with an answer", plain.len(), questions.len());
    println!("| ranked by | spelling | questions | n | first right | top 3 | recall@5 | MRR | nDCG@10 |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, by) in [("cosine", By::Cosine), ("words", By::Words), ("one score", By::OneScore)] {
        for repairs in [false, true] {
            let mut sums: Vec<(&str, Sums)> = KINDS.map(|kind| (kind, Sums::default())).into();
            for question in &questions {
                let ranked = ranked(&plain, &spelling, question, by, repairs);
                let is_typo = question.kind.ends_with("typo");
                let counted = |kind: &str| kind == question.kind || (kind == "all" && !is_typo);
                sums.iter_mut()
                    .filter(|(kind, _)| counted(kind))
                    .for_each(|(_, sums)| sums.add(question, &ranked));
            }
            for (kind, sums) in &sums {
                println!(
                    "| {name} | {} | {kind} | {}",
                    if repairs { "repaired" } else { "as typed" },
                    sums.row()
                );
            }
        }
    }
    if std::env::args().any(|word| word == "--misses") {
        for question in &questions {
            let ranked = ranked(&plain, &spelling, question, By::OneScore, true);
            if question.right.get(&ranked[0]) != Some(&3.0) {
                let best: Vec<&String> =
                    question.right.iter().filter(|(_, grade)| **grade == 3.0).map(|(key, _)| key).collect();
                println!(
                    "{} {} {:?}: {:?} instead of {best:?}",
                    question.id,
                    question.kind,
                    question.text,
                    &ranked[..3]
                );
            }
        }
    }
}

/// The keys of all entries in the order that a ranking gives them.
fn ranked(
    plain: &Engine<()>,
    spelling: &Engine<()>,
    question: &Question,
    by: By,
    repairs: bool,
) -> Vec<String> {
    let weigh = |hit: &Hit| match by {
        By::Cosine => f64::from(hit.semantic),
        By::Words => f64::from(hit.lexical),
        By::OneScore => hit.relevance,
    };
    let ask = |engine: &Engine<()>, text: &str, k: usize| {
        let scope = Scope { class: "all", permitted: &|()| true, open: false, filter: None };
        engine.search(&engine.question(text).unwrap(), &scope, k, 0.0).unwrap()
    };
    let mut scores: HashMap<String, f64> = HashMap::new();
    let repaired = ask(spelling, &question.text, 1).did_you_mean.clone().filter(|_| repairs);
    for text in [Some(question.text.clone()), repaired].into_iter().flatten() {
        for hit in &ask(plain, &text, plain.len()).hits {
            let score = scores.entry(hit.key.clone()).or_default();
            *score = score.max(weigh(hit));
        }
    }
    let mut ranked: Vec<(String, f64)> = scores.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked.into_iter().map(|(key, _)| key).collect()
}

impl Sums {
    fn add(&mut self, question: &Question, ranked: &[String]) {
        let grade = |key: &String| question.right.get(key).copied().unwrap_or_default();
        let best = ranked.iter().position(|key| grade(key) == 3.0).unwrap_or(usize::MAX);
        let right = question.right.values().filter(|grade| **grade == 3.0).count();
        let among_five = ranked.iter().take(5).filter(|key| grade(key) == 3.0).count();
        let gain = |(place, grade): (usize, f64)| (grade.exp2() - 1.0) / (place as f64 + 2.0).log2();
        let mut ideal: Vec<f64> = question.right.values().copied().collect();
        ideal.sort_by(|a, b| b.total_cmp(a));
        let most: f64 = ideal.into_iter().take(10).enumerate().map(gain).sum();
        self.questions += 1.0;
        self.first += f64::from(u8::from(best == 0));
        self.top_three += f64::from(u8::from(best < 3));
        self.recall_five += among_five as f64 / right.min(5) as f64;
        self.reciprocal += 1.0 / (best as f64 + 1.0);
        self.gain += ranked.iter().take(10).map(grade).enumerate().map(gain).sum::<f64>() / most;
    }

    fn row(&self) -> String {
        let means = [self.first, self.top_three, self.recall_five, self.reciprocal, self.gain];
        let means: Vec<String> = means.iter().map(|sum| format!("{:.3}", sum / self.questions)).collect();
        format!("{} | {} |", self.questions, means.join(" | "))
    }
}

/// Those that have an answer of the highest grade.
fn questions() -> Vec<Question> {
    let set: Value = read("questions.json");
    let question = |told: &Value| {
        let right = told["right"].as_object().unwrap().iter();
        let third = told["third"].as_str().unwrap();
        let kind = if told["typo_of"].is_null() { third.to_owned() } else { format!("{third}, a typo") };
        Question {
            id: told["id"].as_str().unwrap().to_owned(),
            kind,
            text: told["text"].as_str().unwrap().to_owned(),
            right: right.map(|(key, grade)| (key.clone(), grade.as_f64().unwrap())).collect(),
        }
    };
    let questions = set.as_array().or_else(|| set["questions"].as_array()).unwrap();
    let questions = questions.iter().map(question);
    questions.filter(|question| question.right.values().any(|grade| *grade == 3.0)).collect()
}

fn fill(engine: &Engine<()>) {
    let set = read("entries.json");
    let put = |key: &str, embedded: &str, fields: Vec<text::Weighed<'_>>| {
        let fields: Vec<Field<'_>> =
            fields.iter().map(|(weight, text)| Field { text, weight: *weight }).collect();
        engine.put(key, &Text { embedded, fields: &fields }, ());
        engine.embed(key, embedded).unwrap();
    };
    for (path, card) in set["agents"].as_object().unwrap() {
        let card = card.as_object().unwrap().clone();
        let entry = AgentEntry::from_card(EntryPath::parse(path).unwrap(), card).unwrap();
        put(path, &text::of_agent(&entry), text::words_of_agent(&entry));
    }
    for (path, card) in set["servers"].as_object().unwrap() {
        let card = card.as_object().unwrap().clone();
        let entry = ServerEntry::from_card(EntryPath::parse(path).unwrap(), card).unwrap();
        put(path, &text::of_server(&entry), text::words_of_server(&entry));
        for tool in entry.tools.iter() {
            let key = format!("{path}#{}", tool.name);
            put(&key, &text::of_tool(&entry, tool), text::words_of_tool(&entry, tool));
        }
    }
}

fn read(file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(here("../../tests/fixtures/search").join(file)).unwrap())
        .unwrap()
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
