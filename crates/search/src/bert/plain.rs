//! Networks as candle-transformers computes them: slower, for those that our own pass does not know.
//!
//! ELECTRA's encoder is BERT's, layer for layer, in a checkpoint that names it otherwise. `BertModel` goes by the
//! configuration's `model_type` there; our own pass is measured and held against references for BERT alone.

use std::path::Path;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};

use crate::ModelError;

/// An encoder of candle-transformers.
pub(crate) struct Plain(BertModel);

impl Plain {
    /// What `config.json` says to candle, which knows fewer activations than we do.
    pub(crate) fn config(path: &Path, bytes: &[u8]) -> std::result::Result<Config, ModelError> {
        serde_json::from_slice(bytes)
            .map_err(|cause| ModelError::Unsupported { path: path.to_owned(), reason: cause.to_string() })
    }

    /// Reads a checkpoint.
    pub(crate) fn read(bytes: Vec<u8>, config: &Config) -> Result<Self> {
        let tensors = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)?;
        BertModel::load(tensors, config).map(Plain)
    }

    /// The vectors of these tokens, `[tokens, width]`.
    pub(crate) fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        let ids = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
        self.0.forward(&ids, &ids.zeros_like()?, None)?.squeeze(0)
    }
}
