//! Which tokens look at which: softmax(query · keys) · values, each head for itself.
//!
//! Not by candle's matmul, though these products are small: it asks the system for the number of processors at every
//! one of them (it reads `/proc/cpuinfo` unless `RAYON_NUM_THREADS` is set), which takes longer than the product.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape};

use super::maths;
use super::ops::numbers;
use super::product::{PANEL, Panels, blocks, multiply};

/// `[tokens, 3 · width]`, queries (scaled), keys and values side by side → `[tokens, width]`.
pub(crate) struct Attend {
    pub(crate) heads: usize,
}

impl CustomOp1 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, thrice) = layout.shape().dims2()?;
        let width = thrice / 3;
        let qkv = numbers(storage, layout)?;
        let mut context = vec![0.0; tokens * width];
        let mut head = Head::new(qkv, tokens, width, width / self.heads);
        for place in 0..self.heads {
            head.attend(place, &mut context);
        }
        Ok((CpuStorage::F32(context), (tokens, width).into()))
    }
}

/// One head after the other, in the same memory.
struct Head<'a> {
    qkv: &'a [f32],
    tokens: usize,
    width: usize,
    /// Width of a head.
    narrow: usize,
    /// Panels of the keys, a key in each column.
    keys: Vec<f32>,
    /// Panels of the values, a value in each row.
    values: Vec<f32>,
    scores: Vec<f32>,
    no_bias: Vec<f32>,
}

impl<'a> Head<'a> {
    fn new(qkv: &'a [f32], tokens: usize, width: usize, narrow: usize) -> Self {
        let padded = |columns: usize| columns.next_multiple_of(PANEL);
        Self {
            qkv,
            tokens,
            width,
            narrow,
            keys: vec![0.0; padded(tokens) * narrow],
            values: vec![0.0; padded(narrow) * tokens],
            scores: vec![0.0; tokens * tokens],
            no_bias: vec![0.0; tokens.max(narrow)],
        }
    }

    fn attend(&mut self, head: usize, context: &mut [f32]) {
        let Self { tokens, narrow, .. } = *self;
        // Queries are part 0, keys 1, values 2; the columns of a head lie together in each.
        let (qkv, width) = (self.qkv, self.width);
        let part = move |part: usize| {
            let start = part * width + head * narrow;
            qkv.chunks_exact(3 * width).map(move |row| &row[start..start + narrow])
        };
        for (token, key) in part(1).enumerate() {
            let start = token / PANEL * PANEL * narrow + token % PANEL;
            self.keys[start..]
                .iter_mut()
                .step_by(PANEL)
                .zip(key)
                .for_each(|(place, number)| *place = *number);
        }
        for (token, value) in part(2).enumerate() {
            for (panel, value) in value.chunks(PANEL).enumerate() {
                let start = (panel * tokens + token) * PANEL;
                self.values[start..start + value.len()].copy_from_slice(value);
            }
        }
        let keys = Panels { numbers: &self.keys, inside: narrow, bias: &self.no_bias[..tokens] };
        multiply(&blocks(part(0), narrow), keys, &mut self.scores, tokens);
        pulp::Arch::new().dispatch(|| self.scores.chunks_exact_mut(tokens).for_each(maths::softmax));
        let values = Panels { numbers: &self.values, inside: tokens, bias: &self.no_bias[..narrow] };
        let shares = blocks(self.scores.chunks_exact(tokens), tokens);
        multiply(&shares, values, &mut context[head * narrow..], width);
    }
}
