//! The model against vectors that sentence-transformers made (tests/golden/make.py).
#![allow(clippy::unwrap_used)]

mod model;

use search::{Bert, Embedder, Engine, ModelError, ModelFiles, Scope, Text};
use serde_json::Value;

const GOLDEN: &str = include_str!("golden/vectors.json");

/// Name, text and vector of every golden case.
fn cases() -> Vec<(String, String, Vec<f32>)> {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let vector = |value: &Value| serde_json::from_value(value.clone()).unwrap();
    cases.iter().map(|case| (text(&case["name"]), text(&case["text"]), vector(&case["vector"]))).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn equal_to_the_reference() {
    let Some(files) = model::files("equal_to_the_reference") else { return };
    let bert = Bert::load(&files).unwrap();
    let cases = cases();
    assert!(cases.len() >= 12);
    for (name, text, expected) in &cases {
        let vector = bert.embed(text).unwrap();
        assert_eq!(vector.len(), bert.dimensions());
        let cosine = cosine(&vector, expected);
        println!("{cosine:.8} {name}");
        assert!(cosine > 0.9999, "{name}: {cosine}");
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{name}: {length}");
    }
}

#[test]
fn the_same_alone_and_after_others() {
    let Some(files) = model::files("the_same_alone_and_after_others") else { return };
    let cases = cases();
    let bert = Bert::load(&files).unwrap();
    let forth: Vec<_> = cases.iter().map(|(_, text, _)| bert.embed(text).unwrap()).collect();
    let mut back: Vec<_> = cases.iter().rev().map(|(_, text, _)| bert.embed(text).unwrap()).collect();
    back.reverse();
    assert_eq!(forth, back);
    // And on another thread, beside another, by a model loaded anew.
    let again = Bert::load(&files).unwrap();
    assert_eq!(again.fingerprint(), bert.fingerprint());
    std::thread::scope(|scope| {
        for bert in [&bert, &again] {
            let (cases, forth) = (&cases, &forth);
            scope.spawn(move || {
                search::single_threaded_maths().unwrap();
                for ((name, text, _), expected) in cases.iter().zip(forth) {
                    assert!(cosine(&bert.embed(text).unwrap(), expected) > 0.999_999, "{name}");
                }
            });
        }
    });
}

#[test]
fn meaning_is_found() {
    let Some(files) = model::files("meaning_is_found") else { return };
    let engine = Engine::new();
    engine.install(std::sync::Arc::new(Bert::load(&files).unwrap()), None).unwrap();
    let texts = [
        ("weather", "Name: Weather\nDescription: Forecast of rain and temperature\nSkills: \nTags: climate"),
        ("travel", "Name: Travel\nDescription: Books flights and hotels\nSkills: \nTags: trips"),
        ("invoices", "Name: Invoices\nDescription: Reads bills of suppliers\nSkills: \nTags: accounting"),
    ];
    for (key, text) in texts {
        engine.put(key, &Text { embedded: text, fields: &[] }, ());
        engine.embed(key, text).unwrap();
    }
    for (query, expected) in [("will I need an umbrella", "weather"), ("I want to go on holiday", "travel")] {
        let scope = Scope { class: "", permitted: &|()| true, open: false, filter: None };
        let found = engine.search(&engine.question(query).unwrap(), &scope, 1, 0.0).unwrap();
        assert_eq!(found.hits[0].key, expected, "{query}");
    }
}

#[test]
fn broken_models_are_explained() {
    let Some(files) = model::files("broken_models_are_explained") else { return };
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let load = |files: ModelFiles| Bert::load(&files).err().unwrap();
    let pointer = put("weights", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n");
    let error = load(ModelFiles { weights: pointer, ..files.clone() });
    assert!(matches!(&error, ModelError::Damaged { reason, .. } if reason.contains("Git LFS")), "{error}");
    let cut = put("weights", &std::fs::read(&files.weights).unwrap()[..1_000_000]);
    assert!(matches!(load(ModelFiles { weights: cut, ..files.clone() }), ModelError::Damaged { .. }));
    let tokenizer = put("tokenizer", b"{}");
    assert!(matches!(load(ModelFiles { tokenizer, ..files.clone() }), ModelError::Damaged { .. }));
    let config = std::fs::read_to_string(&files.config).unwrap();
    let config = put("config", config.replace("\"bert\"", "\"roberta\"").as_bytes());
    assert!(matches!(load(ModelFiles { config, ..files.clone() }), ModelError::Unsupported { .. }));
    let absent = folder.path().join("absent");
    assert!(matches!(load(ModelFiles { config: absent, ..files }), ModelError::Unreadable { .. }));
}
