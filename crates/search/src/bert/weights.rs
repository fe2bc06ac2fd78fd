//! The weights of a checkpoint, each turned once into the form in which the forward pass reads it.

use candle_core::safetensors::BufferedSafetensors;
use candle_core::{DType, Device, Result, Tensor};

use super::config::Config;
use super::ops::Norm;
use super::product::Linear;

/// The weights of one layer.
#[derive(Debug)]
pub(crate) struct LayerWeights {
    /// Query, key and value side by side, the query scaled by 1/√width of a head.
    pub(crate) qkv: Linear,
    pub(crate) attended: Linear,
    pub(crate) attended_norm: Norm,
    pub(crate) widen: Linear,
    pub(crate) narrow: Linear,
    pub(crate) output_norm: Norm,
}

/// All weights of a network.
#[derive(Debug)]
pub(crate) struct Weights {
    /// `[vocabulary, width]`
    pub(crate) words: Tensor,
    /// `[tokens, width]`: the vector of each position with that of the first type added. A single text is of
    /// the first type from its beginning to its end.
    pub(crate) positions: Tensor,
    pub(crate) embedding_norm: Norm,
    pub(crate) layers: Vec<LayerWeights>,
}

impl Weights {
    /// Reads a checkpoint; `tokens` is the length of the longest text.
    pub(crate) fn read(bytes: Vec<u8>, config: &Config, tokens: usize) -> Result<Self> {
        let file = Checkpoint::new(bytes)?;
        let width = config.hidden_size;
        let positions =
            file.tensor("embeddings.position_embeddings.weight", &[config.max_position_embeddings, width])?;
        let types =
            file.tensor("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, width])?;
        let positions = positions.narrow(0, 0, tokens)?.broadcast_add(&types.narrow(0, 0, 1)?)?;
        Ok(Self {
            words: file.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, width])?,
            positions: positions.contiguous()?,
            embedding_norm: file.norm("embeddings.LayerNorm", config)?,
            layers: (0..config.num_hidden_layers)
                .map(|layer| file.layer(layer, config))
                .collect::<Result<_>>()?,
        })
    }
}

struct Checkpoint {
    file: BufferedSafetensors,
    /// Checkpoints of a whole model, with a head for some task, name the encoder in front of every weight.
    prefix: &'static str,
}

impl Checkpoint {
    fn new(bytes: Vec<u8>) -> Result<Self> {
        let file = BufferedSafetensors::new(bytes)?;
        let bare = file.get("embeddings.word_embeddings.weight").is_ok();
        Ok(Self { file, prefix: if bare { "" } else { "bert." } })
    }

    /// A tensor of the checkpoint in f32, whatever it was kept in: f16 and bf16 would overflow in the sums.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = self.file.load(&format!("{}{name}", self.prefix), &Device::Cpu)?;
        if tensor.dims() != shape {
            candle_core::bail!("{name} has the shape {:?}, not {shape:?}", tensor.dims());
        }
        tensor.to_dtype(DType::F32)
    }

    /// Weight `[out, in]` and bias of one product, as they are.
    fn pair(&self, name: &str, (inside, outside): (usize, usize)) -> Result<(Tensor, Tensor)> {
        let weight = self.tensor(&format!("{name}.weight"), &[outside, inside])?;
        Ok((weight, self.tensor(&format!("{name}.bias"), &[outside])?))
    }

    fn linear(&self, name: &str, sizes: (usize, usize)) -> Result<Linear> {
        let (weight, bias) = self.pair(name, sizes)?;
        Linear::new(&weight, &bias)
    }

    fn norm(&self, name: &str, config: &Config) -> Result<Norm> {
        let part = |part: &str| self.tensor(&format!("{name}.{part}"), &[config.hidden_size])?.to_vec1();
        Ok(Norm { weight: part("weight")?, bias: part("bias")?, epsilon: config.layer_norm_eps })
    }

    fn layer(&self, layer: usize, config: &Config) -> Result<LayerWeights> {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        Ok(LayerWeights {
            qkv: self.qkv(&name("attention.self"), config)?,
            attended: self.linear(&name("attention.output.dense"), (width, width))?,
            attended_norm: self.norm(&name("attention.output.LayerNorm"), config)?,
            widen: self.linear(&name("intermediate.dense"), (width, wide))?,
            narrow: self.linear(&name("output.dense"), (wide, width))?,
            output_norm: self.norm(&name("output.LayerNorm"), config)?,
        })
    }

    fn qkv(&self, name: &str, config: &Config) -> Result<Linear> {
        let width = config.hidden_size;
        let scale = 1.0 / ((width / config.num_attention_heads) as f64).sqrt();
        let (query, query_bias) = self.pair(&format!("{name}.query"), (width, width))?;
        let (key, key_bias) = self.pair(&format!("{name}.key"), (width, width))?;
        let (value, value_bias) = self.pair(&format!("{name}.value"), (width, width))?;
        let weight = Tensor::cat(&[(query * scale)?, key, value], 0)?;
        let bias = Tensor::cat(&[(query_bias * scale)?, key_bias, value_bias], 0)?;
        Linear::new(&weight, &bias)
    }
}
