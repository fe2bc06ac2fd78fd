//! The real model: a BERT encoder on candle, f32, on the processor.
//!
//! Rooms: `config` (which networks), `plain` (those that candle-transformers computes), and our own pass: `weights` (in the form in which they are read), `network` (the way of a text
//! through it), `product` (rows times weights), `attention`, `ops` (what stands between the products) and `maths` (their
//! arithmetic).

mod attention;
mod config;
mod maths;
mod network;
mod ops;
mod plain;
mod product;
mod weights;

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use self::config::{Config, Family};
use self::network::Network;
use self::plain::Plain;
use crate::pooling::{mean, normalise};
use crate::{Embedder, ModelError, ModelFiles, SearchError};

/// Texts are cut after this many tokens, the two markers included: what the model was trained with.
pub const MAX_TOKENS: usize = 256;

/// Changes whenever the way from text to vector changes, so that saved vectors are made anew.
const RECIPE: &str = "bert-f32-mean-l2-256-v1";

/// What gives each token its vector.
enum Encoder {
    Ours(Network),
    Plain(Plain),
}

/// A sentence embedder of the BERT family, such as all-MiniLM-L6-v2.
pub struct Bert {
    encoder: Encoder,
    tokenizer: Tokenizer,
    dimensions: usize,
    fingerprint: String,
}

impl Bert {
    /// Reads the model into memory (about 110 MB for the default one).
    ///
    /// # Errors
    /// [`ModelError`] says which file is unreadable, damaged or of an unsupported kind.
    pub fn load(files: &ModelFiles) -> Result<Self, ModelError> {
        let config_bytes = read(&files.config)?;
        let tokenizer_bytes = read(&files.tokenizer)?;
        // Into a buffer rather than mapped: a mapped file that someone truncates kills the process.
        let weights = read(&files.weights)?;
        if weights.starts_with(b"version https://git-lfs") {
            return Err(damaged(&files.weights, "a Git LFS pointer, not the weights"));
        }

        let (config, family) = Config::read(&files.config, &config_bytes)?;
        let longest = MAX_TOKENS.min(config.max_position_embeddings);
        let tokenizer =
            tokenizer(&tokenizer_bytes, longest).map_err(|cause| damaged(&files.tokenizer, cause))?;
        let fingerprint = fingerprint(&[&config_bytes, &tokenizer_bytes, &weights]);
        let encoder = match family {
            Family::Bert => Network::read(weights, &config, longest).map(Encoder::Ours),
            Family::Electra => {
                let config = Plain::config(&files.config, &config_bytes)?;
                Plain::read(weights, &config).map(Encoder::Plain)
            }
        };
        let encoder = encoder.map_err(|cause| damaged(&files.weights, cause))?;
        Ok(Self { encoder, tokenizer, dimensions: config.hidden_size, fingerprint })
    }

    fn forward(&self, ids: &[u32]) -> candle_core::Result<Vec<f32>> {
        let tokens = match &self.encoder {
            Encoder::Ours(network) => network.forward(ids),
            Encoder::Plain(plain) => plain.forward(ids),
        };
        tokens?.flatten_all()?.to_vec1()
    }
}

impl Embedder for Bert {
    fn embed(&self, text: &str) -> Result<Vec<f32>, SearchError> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(SearchError::Embedding)?;
        let tokens =
            self.forward(encoding.get_ids()).map_err(|cause| SearchError::Embedding(cause.into()))?;
        let mut vector = mean(&tokens, self.dimensions);
        if normalise(&mut vector) {
            Ok(vector)
        } else {
            Err(SearchError::BadVector("the model's answer has no direction".to_owned()))
        }
    }

    fn knows(&self, word: &str) -> bool {
        self.tokenizer.token_to_id(word).is_some()
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

fn tokenizer(bytes: &[u8], max_length: usize) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_bytes(bytes)?;
    // The file that ships with all-MiniLM-L6-v2 cuts at 128 tokens and pads every text to 128.
    tokenizer.with_padding(None);
    tokenizer.with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() }))?;
    Ok(tokenizer)
}

/// SHA-256 over recipe, configuration, tokenizer and all weights.
///
/// Header and length of the weights would be quicker to hash, but are equal for every fine-tuned copy of one
/// architecture, and a swapped model would then answer from the old model's vectors. The bytes are in memory
/// already; hashing them takes 45 ms with the SHA instructions of the processor.
fn fingerprint(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new_with_prefix(RECIPE);
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("{RECIPE}-{:x}", digest.finalize())
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|cause| ModelError::Unreadable { path: path.to_owned(), cause })
}

fn damaged(path: &Path, reason: impl ToString) -> ModelError {
    ModelError::Damaged { path: path.to_owned(), reason: reason.to_string() }
}
