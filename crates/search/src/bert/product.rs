//! Rows times a weight matrix: four fifths of the time that a text takes.
//!
//! A text has few rows, so every number of the weights is used a few times only, and the time goes into reading
//! them: 43 MB for all-MiniLM-L6-v2. Here they lie exactly in the order in which they are read, once per text, from
//! the first to the last, as the processor's prefetcher likes it. gemm, general as it is, reads a matrix in steps as
//! long as its rows (or packs it first, which is as much work as the product).

use std::slice::ChunksMut;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::ops::numbers;

/// Columns of one panel: four of the widest registers.
pub(crate) const PANEL: usize = 64;

/// Most rows that are computed together: their sums and four registers of weights fill 32 registers.
const ROWS: usize = 6;

/// A weight matrix with its bias, ready for [`Linear::forward`].
#[derive(Debug)]
pub(crate) struct Linear {
    /// `[panels, in, PANEL]`: 64 columns after the other; the last panel is filled up with zeros.
    panels: Tensor,
    bias: Vec<f32>,
}

impl Linear {
    /// From weight `[out, in]` and bias `[out]`, as checkpoints hold them.
    pub(crate) fn new(weight: &Tensor, bias: &Tensor) -> Result<Self> {
        let (outside, inside) = weight.dims2()?;
        let panels = outside.div_ceil(PANEL);
        let padded = weight.pad_with_zeros(0, 0, panels * PANEL - outside)?;
        let panels = padded.reshape((panels, PANEL, inside))?.transpose(1, 2)?.contiguous()?;
        Ok(Self { panels, bias: bias.to_vec1()? })
    }

    /// `[rows, in]` → `[rows, out]`.
    pub(crate) fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        rows.apply_op2_no_bwd(&self.panels, self)
    }
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        rows: &CpuStorage,
        rows_layout: &Layout,
        panels: &CpuStorage,
        panels_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (count, inside) = rows_layout.shape().dims2()?;
        let (rows, panels) = (numbers(rows, rows_layout)?, numbers(panels, panels_layout)?);
        if panels_layout.dims()[1] != inside {
            candle_core::bail!("rows of {inside} times a matrix for rows of {}", panels_layout.dims()[1]);
        }
        let outside = self.bias.len();
        let mut product = vec![0.0; count * outside];
        let blocks = blocks(rows.chunks_exact(inside), inside);
        let panels = Panels { numbers: panels, inside, bias: &self.bias };
        multiply(&blocks, panels, &mut product, outside);
        Ok((CpuStorage::F32(product), (count, outside).into()))
    }
}

/// A matrix `[in, out]` in panels, and what is added to each row of a product with it.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) inside: usize,
    pub(crate) bias: &'a [f32],
}

/// Rows that are computed together: all their first numbers, all their second ones …
pub(crate) struct Block {
    /// The first row.
    start: usize,
    count: usize,
    numbers: Vec<f32>,
}

/// Cuts the rows into as few blocks as can be, of sizes as equal as can be.
pub(crate) fn blocks<'a>(
    rows: impl ExactSizeIterator<Item = &'a [f32]> + Clone,
    inside: usize,
) -> Vec<Block> {
    let total = rows.len();
    let blocks = total.div_ceil(ROWS);
    let block = |block| {
        let (start, end) = (total * block / blocks, total * (block + 1) / blocks);
        let count = end - start;
        let mut numbers = vec![0.0; count * inside];
        for (place, row) in rows.clone().skip(start).take(count).enumerate() {
            for (column, number) in numbers.chunks_exact_mut(count).zip(row) {
                column[place] = *number;
            }
        }
        Block { start, count, numbers }
    };
    (0..blocks).map(block).collect()
}

/// The rows of the blocks times the matrix; `into` holds rows of `stride` numbers, of which the first are written.
pub(crate) fn multiply(blocks: &[Block], panels: Panels<'_>, into: &mut [f32], stride: usize) {
    pulp::Arch::new().dispatch(Product { blocks, panels, into, stride });
}

/// One product, compiled once for each kind of processor; everything below is inlined into it by force.
struct Product<'a> {
    blocks: &'a [Block],
    panels: Panels<'a>,
    into: &'a mut [f32],
    stride: usize,
}

impl pulp::WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let Panels { numbers, inside, bias } = self.panels;
        let panels = numbers.chunks_exact(inside * PANEL).zip(bias.chunks(PANEL));
        for (place, (panel, bias)) in panels.enumerate() {
            for block in self.blocks {
                let into = &mut self.into[block.start * self.stride + place * PANEL..];
                let rows = into.chunks_mut(self.stride);
                match block.count {
                    1 => panel_times::<S, 1>(simd, panel, &block.numbers, bias, rows),
                    2 => panel_times::<S, 2>(simd, panel, &block.numbers, bias, rows),
                    3 => panel_times::<S, 3>(simd, panel, &block.numbers, bias, rows),
                    4 => panel_times::<S, 4>(simd, panel, &block.numbers, bias, rows),
                    5 => panel_times::<S, 5>(simd, panel, &block.numbers, bias, rows),
                    _ => panel_times::<S, ROWS>(simd, panel, &block.numbers, bias, rows),
                }
            }
        }
    }
}

#[inline(always)]
fn panel_times<S: pulp::Simd, const R: usize>(
    simd: S,
    panel: &[f32],
    block: &[f32],
    bias: &[f32],
    rows: ChunksMut<'_, f32>,
) {
    let mut sums = [[0.0; PANEL]; R];
    // As many columns at once as there are registers for their sums.
    if S::REGISTER_COUNT > 16 {
        tiles::<S, 4, R>(simd, panel, block, &mut sums);
    } else {
        tiles::<S, 2, R>(simd, panel, block, &mut sums);
    }
    for (row, sums) in rows.zip(&sums) {
        for ((number, sum), bias) in row.iter_mut().zip(sums).zip(bias) {
            *number = sum + bias;
        }
    }
}

#[inline(always)]
fn tiles<S: pulp::Simd, const C: usize, const R: usize>(
    simd: S,
    panel: &[f32],
    block: &[f32],
    sums: &mut [[f32; PANEL]; R],
) {
    let (columns, _) = block.as_chunks::<R>();
    let (weights, _) = S::as_simd_f32s(panel);
    let registers = PANEL / S::F32_LANES;
    for first in (0..registers).step_by(C) {
        let mut tile = [[simd.splat_f32s(0.0); C]; R];
        for (weights, numbers) in weights.chunks_exact(registers).zip(columns) {
            let weights = &weights[first..first + C];
            for row in 0..R {
                let number = simd.splat_f32s(numbers[row]);
                for column in 0..C {
                    tile[row][column] = simd.mul_add_e_f32s(number, weights[column], tile[row][column]);
                }
            }
        }
        for (sums, tile) in sums.iter_mut().zip(&tile) {
            let (sums, _) = S::as_mut_simd_f32s(sums);
            sums[first..first + C].copy_from_slice(tile);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn products_of_every_shape_are_those_of_candle() {
        for (inside, outside) in [(1, 1), (7, 63), (32, 64), (33, 65), (48, 200)] {
            let weight = Tensor::randn(0_f32, 1.0, (outside, inside), &Device::Cpu).unwrap();
            let bias = Tensor::randn(0_f32, 1.0, outside, &Device::Cpu).unwrap();
            let linear = Linear::new(&weight, &bias).unwrap();
            for count in 1..=20 {
                let rows = Tensor::randn(0_f32, 1.0, (count, inside), &Device::Cpu).unwrap();
                let wanted = rows.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
                let found = linear.forward(&rows).unwrap();
                assert_eq!(found.dims(), wanted.dims());
                let off =
                    (found - wanted).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(off < 1e-4, "{count} rows, {inside} → {outside}: {off}");
            }
        }
    }
}
