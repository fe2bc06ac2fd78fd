//! One text through the network: ids of tokens → the vector of each.
//!
//! One text at a time and never padded, so there is no mask: texts of different lengths in one batch would cost
//! three times as much each.

use candle_core::{Result, Tensor};

use super::attention::Attend;
use super::config::{Activation, Config};
use super::ops::{Activate, AddNorm, Embed};
use super::weights::{LayerWeights, Weights};

/// A BERT encoder, ready to compute.
#[derive(Debug)]
pub(crate) struct Network {
    weights: Weights,
    heads: usize,
    activation: Activation,
}

impl Network {
    /// Reads a checkpoint; `tokens` is the length of the longest text.
    pub(crate) fn read(bytes: Vec<u8>, config: &Config, tokens: usize) -> Result<Self> {
        let weights = Weights::read(bytes, config, tokens)?;
        Ok(Self { weights, heads: config.num_attention_heads, activation: config.hidden_act })
    }

    /// The vectors of these tokens, `[tokens, width]`.
    pub(crate) fn forward(&self, ids: &[u32]) -> Result<Tensor> {
        let Weights { words, positions, embedding_norm, layers } = &self.weights;
        let embed = Embed { ids, norm: embedding_norm };
        let embedded = words.apply_op2_no_bwd(positions, &embed)?;
        layers.iter().try_fold(embedded, |rows, layer| self.layer(layer, &rows))
    }

    fn layer(&self, layer: &LayerWeights, rows: &Tensor) -> Result<Tensor> {
        let context = layer.qkv.forward(rows)?.apply_op1_no_bwd(&Attend { heads: self.heads })?;
        let attended = layer.attended.forward(&context)?;
        attended.inplace_op2(rows, &AddNorm(&layer.attended_norm))?;
        let wide = layer.widen.forward(&attended)?;
        wide.inplace_op1(&Activate(self.activation))?;
        let output = layer.narrow.forward(&wide)?;
        output.inplace_op2(&attended, &AddNorm(&layer.output_norm))?;
        Ok(output)
    }
}
