//! What `config.json` says of a network, and which networks are computed here.

use std::path::Path;

use serde::Deserialize;

use crate::ModelError;

/// The shape of a network of the BERT family. Dropout, caches and the like matter to those who train it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) hidden_act: Activation,
    pub(crate) max_position_embeddings: usize,
    pub(crate) type_vocab_size: usize,
    pub(crate) layer_norm_eps: f32,
    position_embedding_type: Option<String>,
    /// ELECTRA's: the width of the table of words.
    embedding_size: Option<usize>,
    model_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

/// Who computes a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Our own pass.
    Bert,
    /// candle-transformers (`plain`).
    Electra,
}

/// What stands between the two products of a layer's second half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Activation {
    /// With the error function itself.
    #[serde(rename = "gelu")]
    Gelu,
    /// The tanh that GELU was first approximated by: near, but models trained with it differ.
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh")]
    GeluTanh,
    #[serde(rename = "relu")]
    Relu,
}

impl Config {
    /// Reads `config.json`, and who computes this network; one that would load and then lie is refused.
    pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<(Self, Family), ModelError> {
        let unsupported = |reason: String| ModelError::Unsupported { path: path.to_owned(), reason };
        let config: Self = serde_json::from_slice(bytes).map_err(|cause| unsupported(cause.to_string()))?;
        let family = config.family().map_err(unsupported)?;
        match config.fault() {
            None => Ok((config, family)),
            Some(reason) => Err(unsupported(reason)),
        }
    }

    fn family(&self) -> Result<Family, String> {
        match self.model_type.as_deref() {
            None | Some("bert") => Ok(Family::Bert),
            // A small ELECTRA widens its words by a product of its own, which BERT has not.
            Some("electra") if self.embedding_size != Some(self.hidden_size) => {
                Err("embedding_size is not hidden_size".to_owned())
            }
            Some("electra") => Ok(Family::Electra),
            // RoBERTa and its kin share the layer names but count positions from two.
            Some(other) => Err(format!("model_type is {other}")),
        }
    }

    fn fault(&self) -> Option<String> {
        if let Some(other) = self.position_embedding_type.as_deref().filter(|kind| *kind != "absolute") {
            return Some(format!("position_embedding_type is {other}"));
        }
        if self.is_decoder {
            return Some("is_decoder is true".to_owned());
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Some(format!("{name} is 0"));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let (width, heads) = (self.hidden_size, self.num_attention_heads);
            return Some(format!("hidden_size {width} cannot be shared by {heads} attention heads"));
        }
        None
    }
}
