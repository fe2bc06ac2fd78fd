//! What stands between the products, as operations on candle's tensors: several steps at once, in place.
//!
//! candle's own would each walk over the tensor, make a new one and ask rayon's pool. Tensors come here whole
//! and in row order; anything else is an error, not a wrong answer.

use candle_core::{CpuStorage, CustomOp2, InplaceOp1, InplaceOp2, Layout, Result, Shape, bail};

use super::config::Activation;
use super::maths;

/// Weight, bias and epsilon of a layer norm.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl Norm {
    #[inline(always)]
    fn apply(&self, row: &mut [f32]) {
        maths::normalise(row, &self.weight, &self.bias, self.epsilon);
    }
}

/// (table of words, table of positions) → the normalised sum of both for each of these ids.
pub(crate) struct Embed<'a> {
    pub(crate) ids: &'a [u32],
    pub(crate) norm: &'a Norm,
}

impl CustomOp2 for Embed<'_> {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn cpu_fwd(
        &self,
        words: &CpuStorage,
        words_layout: &Layout,
        positions: &CpuStorage,
        positions_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (words, positions) = (numbers(words, words_layout)?, numbers(positions, positions_layout)?);
        let width = self.norm.weight.len();
        let mut rows = Vec::with_capacity(self.ids.len() * width);
        for id in self.ids {
            let start = *id as usize * width;
            match words.get(start..start + width) {
                Some(word) => rows.extend_from_slice(word),
                None => bail!("the tokenizer gave the id {id}, for which the model has no vector"),
            }
        }
        if rows.len() > positions.len() {
            bail!("{} tokens are more than the model has positions", self.ids.len());
        }
        pulp::Arch::new().dispatch(|| {
            for (row, position) in rows.chunks_exact_mut(width).zip(positions.chunks_exact(width)) {
                row.iter_mut().zip(position).for_each(|(x, position)| *x += position);
                self.norm.apply(row);
            }
        });
        Ok((CpuStorage::F32(rows), (self.ids.len(), width).into()))
    }
}

/// Bends each number.
pub(crate) struct Activate(pub(crate) Activation);

impl InplaceOp1 for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let numbers = numbers_mut(storage, layout)?;
        pulp::Arch::new().dispatch(|| maths::activate(numbers, self.0));
        Ok(())
    }
}

/// Adds what went into the product to each row, and normalises it.
pub(crate) struct AddNorm<'a>(pub(crate) &'a Norm);

impl InplaceOp2 for AddNorm<'_> {
    fn name(&self) -> &'static str {
        "add and norm"
    }

    fn cpu_fwd(
        &self,
        storage: &mut CpuStorage,
        layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<()> {
        let (rows, residual) = (numbers_mut(storage, layout)?, numbers(residual, residual_layout)?);
        let width = self.0.weight.len();
        pulp::Arch::new().dispatch(|| {
            for (row, residual) in rows.chunks_exact_mut(width).zip(residual.chunks_exact(width)) {
                row.iter_mut().zip(residual).for_each(|(x, before)| *x += before);
                self.0.apply(row);
            }
        });
        Ok(())
    }
}

pub(crate) fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a tensor that is not in row order"),
    }
}

fn numbers_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(numbers), Some((start, end))) => Ok(&mut numbers[start..end]),
        _ => bail!("a tensor that is not of f32 in row order"),
    }
}
