//! Our forward pass against candle-transformers' `BertModel`: the real model, and small ones of every shape.
#![allow(clippy::unwrap_used)]

mod model;
mod reference;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use candle_core::{Device, Tensor};
use search::{Bert, Embedder, MAX_TOKENS, ModelError, ModelFiles};
use serde_json::{Value, json};

use reference::Reference;

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A text of so many words, in an order that does not repeat soon.
fn text(words: &[&str], count: usize) -> String {
    let place = |step: usize| (step * step / 3 + step * 7 + count) % words.len();
    (0..count).map(|step| words[place(step)]).collect::<Vec<_>>().join(" ")
}

#[test]
fn equal_to_candle_at_every_length() {
    let Some(files) = model::files("equal_to_candle_at_every_length") else { return };
    let (bert, candle) = (Bert::load(&files).unwrap(), Reference::load(&files));
    // Each is one piece of a word to the tokenizer.
    let words = [
        "bank", "travel", "weather", "paper", "doctor", "ship", "contract", "music", "river", "cloud", "tax",
    ];
    // Every short one, for blocks of rows of every size, then steps that meet every remainder.
    for tokens in (2..=48).chain((51..MAX_TOKENS).step_by(17)).chain([255, MAX_TOKENS]) {
        let text = text(&words, tokens - 2);
        assert_eq!(candle.tokens(&text), tokens);
        let cosine = cosine(&bert.embed(&text).unwrap(), &candle.embed(&text));
        assert!(cosine > 0.9999, "{tokens} tokens: {cosine}");
    }
}

#[test]
fn equal_to_candle_in_every_shape() {
    // Width, heads, width between, layers: no multiple of a register, one head, more than a panel.
    for (activation, candles, shape) in [
        ("gelu", "gelu", [48, 4, 100, 2]),
        ("gelu_new", "geluapproximate", [40, 1, 70, 1]),
        ("relu", "relu", [66, 6, 64, 3]),
        ("gelu", "gelu", [128, 2, 256, 1]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let files = small_model(folder.path(), activation, shape);
        let theirs = ModelFiles {
            config: put(folder.path(), "theirs.json", &config(candles, shape)),
            ..files.clone()
        };
        let (bert, candle) = (Bert::load(&files).unwrap(), Reference::load(&theirs));
        assert_eq!(bert.dimensions(), shape[0]);
        for tokens in 1..=MAX_TOKENS {
            let text = text(&WORDS, tokens);
            assert_eq!(candle.tokens(&text), tokens);
            let cosine = cosine(&bert.embed(&text).unwrap(), &candle.embed(&text));
            assert!(cosine > 0.999_99, "{activation} {shape:?}, {tokens} tokens: {cosine}");
        }
    }
}

#[test]
fn a_checkpoint_with_a_head_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let files = small_model(folder.path(), "gelu", [48, 4, 100, 2]);
    let bare = Bert::load(&files).unwrap().embed("b c d").unwrap();
    let tensors = candle_core::safetensors::load(&files.weights, &Device::Cpu).unwrap();
    let tensors: HashMap<_, _> =
        tensors.into_iter().map(|(name, tensor)| (format!("bert.{name}"), tensor)).collect();
    candle_core::safetensors::save(&tensors, &files.weights).unwrap();
    assert_eq!(Bert::load(&files).unwrap().embed("b c d").unwrap(), bare);
}

#[test]
fn electra_is_what_candle_makes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    for (activation, prefix) in [("gelu", ""), ("relu", "electra.")] {
        let files = small_model(folder.path(), activation, [48, 4, 100, 2]);
        let as_bert = Bert::load(&files).unwrap();
        let tensors = candle_core::safetensors::load(&files.weights, &Device::Cpu).unwrap();
        let tensors: HashMap<_, _> =
            tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect();
        candle_core::safetensors::save(&tensors, &files.weights).unwrap();
        let mut config = config(activation, [48, 4, 100, 2]);
        config["model_type"] = json!("electra");
        config["embedding_size"] = json!(48);
        let files = ModelFiles { config: put(folder.path(), "electra.json", &config), ..files };
        let (electra, candle) = (Bert::load(&files).unwrap(), Reference::load(&files));
        assert_eq!(electra.dimensions(), 48);
        for tokens in [1, 2, 7, MAX_TOKENS, MAX_TOKENS + 20] {
            let text = text(&WORDS, tokens);
            let (found, wanted) = (electra.embed(&text).unwrap(), candle.embed(&text));
            let off = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-6, "{activation}, {tokens} tokens: {off}");
            // The same weights are the same network.
            assert!(
                cosine(&found, &as_bert.embed(&text).unwrap()) > 0.999_99,
                "{activation}, {tokens} tokens"
            );
        }
        // What candle does not know is refused, not computed otherwise.
        for (key, value, reason) in [
            ("hidden_act", json!("gelu_new"), "gelu_new"),
            ("embedding_size", json!(24), "embedding_size"),
            ("embedding_size", Value::Null, "embedding_size"),
            ("is_decoder", json!(true), "is_decoder"),
        ] {
            let mut config = config.clone();
            config[key] = value;
            let config = put(folder.path(), "odd.json", &config);
            let error = Bert::load(&ModelFiles { config, ..files.clone() }).err().unwrap();
            assert!(
                matches!(&error, ModelError::Unsupported { reason: found, .. } if found.contains(reason)),
                "{error}"
            );
        }
    }
}

#[test]
fn what_is_not_supported_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shape = [48, 4, 100, 2];
    let files = small_model(folder.path(), "gelu", shape);
    for (key, value, reason) in [
        ("hidden_act", json!("swish"), "swish"),
        ("num_attention_heads", json!(5), "hidden_size 48 cannot be shared by 5 attention heads"),
        ("num_attention_heads", json!(0), "num_attention_heads is 0"),
        ("position_embedding_type", json!("relative_key"), "position_embedding_type is relative_key"),
        ("model_type", json!("roberta"), "model_type is roberta"),
        ("is_decoder", json!(true), "is_decoder is true"),
    ] {
        let mut config = config("gelu", shape);
        config[key] = value;
        let config = put(folder.path(), "odd.json", &config);
        let error = Bert::load(&ModelFiles { config, ..files.clone() }).err().unwrap();
        assert!(
            matches!(&error, ModelError::Unsupported { reason: found, .. } if found.contains(reason)),
            "{error}"
        );
    }
    // Weights of another shape than the configuration's.
    let config = put(folder.path(), "other.json", &config("gelu", [48, 4, 101, 2]));
    let error = Bert::load(&ModelFiles { config, ..files.clone() }).err().unwrap();
    assert!(
        matches!(&error, ModelError::Damaged { reason, .. } if reason.contains("intermediate")),
        "{error}"
    );
    // A tokenizer of another model: ids without a vector are an error of that text alone.
    let tokenizer = put(folder.path(), "long.json", &tokenizer(&["a", "z"], 900));
    let bert = Bert::load(&ModelFiles { tokenizer, ..files }).unwrap();
    assert!(bert.embed("a a").is_ok() && bert.embed("a z").is_err());
}

const WORDS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
const VOCABULARY: usize = 32;

fn config(activation: &str, [width, heads, wide, layers]: [usize; 4]) -> Value {
    json!({
        "model_type": "bert", "vocab_size": VOCABULARY, "hidden_size": width, "num_hidden_layers": layers,
        "num_attention_heads": heads, "intermediate_size": wide, "hidden_act": activation,
        "hidden_dropout_prob": 0.1, "max_position_embeddings": 300, "type_vocab_size": 2,
        "initializer_range": 0.02, "layer_norm_eps": 1e-7, "pad_token_id": 0,
    })
}

/// Each word is a token; the last word has the given id.
fn tokenizer(words: &[&str], last: usize) -> Value {
    let mut vocabulary: serde_json::Map<_, _> =
        words.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id + 1))).collect();
    vocabulary.insert("[UNK]".to_owned(), json!(0));
    vocabulary.insert(words[words.len() - 1].to_owned(), json!(last));
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    })
}

/// A model of random weights.
fn small_model(folder: &Path, activation: &str, shape: [usize; 4]) -> ModelFiles {
    let [width, _, wide, layers] = shape;
    let mut tensors = HashMap::new();
    let mut add = |name: String, mean: f32, sizes: &[usize]| {
        tensors.insert(name, Tensor::randn(mean, 0.3, sizes, &Device::Cpu).unwrap());
    };
    for (name, rows) in [("word", VOCABULARY), ("position", 300), ("token_type", 2)] {
        add(format!("embeddings.{name}_embeddings.weight"), 0.0, &[rows, width]);
    }
    let mut norms = vec!["embeddings".to_owned()];
    for layer in 0..layers {
        let mut name = format!("encoder.layer.{layer}");
        for (part, outside, inside) in [
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", wide, width),
            ("output.dense", width, wide),
        ] {
            add(format!("{name}.{part}.weight"), 0.0, &[outside, inside]);
            add(format!("{name}.{part}.bias"), 0.1, &[outside]);
        }
        norms.push(format!("{name}.attention.output"));
        write!(name, ".output").unwrap();
        norms.push(name);
    }
    for name in norms {
        add(format!("{name}.LayerNorm.weight"), 1.0, &[width]);
        add(format!("{name}.LayerNorm.bias"), 0.0, &[width]);
    }
    let weights = folder.join("model.safetensors");
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    let tokenizer = put(folder, "tokenizer.json", &tokenizer(&WORDS, WORDS.len()));
    ModelFiles { config: put(folder, "config.json", &config(activation, shape)), tokenizer, weights }
}

fn put(folder: &Path, name: &str, value: &Value) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path
}
