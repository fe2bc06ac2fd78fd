//! The model as candle-transformers computes it: what our own forward pass is held against.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use search::{MAX_TOKENS, ModelFiles};
use tokenizers::{Tokenizer, TruncationParams};

/// `BertModel` as it is, with mean pooling and vectors of length one.
pub(crate) struct Reference {
    model: BertModel,
    tokenizer: Tokenizer,
}

impl Reference {
    pub(crate) fn load(files: &ModelFiles) -> Self {
        let config: Config = serde_json::from_slice(&std::fs::read(&files.config).unwrap()).unwrap();
        let weights = std::fs::read(&files.weights).unwrap();
        let tensors = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).unwrap();
        let model = BertModel::load(tensors, &config).unwrap();
        let mut tokenizer = Tokenizer::from_file(&files.tokenizer).unwrap();
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: MAX_TOKENS, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).unwrap();
        Self { model, tokenizer }
    }

    /// How many tokens the text has, the two markers included.
    pub(crate) fn tokens(&self, text: &str) -> usize {
        self.tokenizer.encode_fast(text, true).unwrap().len()
    }

    pub(crate) fn embed(&self, text: &str) -> Vec<f32> {
        let encoding = self.tokenizer.encode_fast(text, true).unwrap();
        let ids = Tensor::new(encoding.get_ids(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let tokens = self.model.forward(&ids, &ids.zeros_like().unwrap(), None).unwrap();
        let mean = tokens.mean(1).unwrap();
        let length = mean.sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
        mean.broadcast_div(&length).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }
}
