//! The arithmetic between the products, on rows of numbers.
//!
//! All of it is plain arithmetic without branches and calls, inlined by force into whoever dispatches on the kind of
//! processor (`ops`): the compiler then makes vectors of it, as wide as the processor has them.

use super::config::Activation;

/// Independent sums, enough to keep two vector units busy.
const LANES: usize = 32;

/// Sum of one thing of each value.
#[inline(always)]
fn sum(values: &[f32], one: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] += one(block[lane]);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += one(*value);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

/// Mean 0 and deviation 1, then weight and bias of each place.
#[inline(always)]
pub(crate) fn normalise(row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let count = row.len() as f32;
    let mean = sum(row, |x| x) / count;
    let variance = sum(row, |x| (x - mean) * (x - mean)) / count;
    let scale = 1.0 / (variance + epsilon).sqrt();
    for ((x, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
        *x = (*x - mean) * scale * weight + bias;
    }
}

/// Bends each number.
#[inline(always)]
pub(crate) fn activate(numbers: &mut [f32], activation: Activation) {
    match activation {
        Activation::Gelu => numbers.iter_mut().for_each(|x| *x = gelu(*x)),
        Activation::GeluTanh => numbers.iter_mut().for_each(|x| *x = gelu_tanh(*x)),
        Activation::Relu => numbers.iter_mut().for_each(|x| *x = x.max(0.0)),
    }
}

/// Turns scores into shares of one.
#[inline(always)]
pub(crate) fn softmax(row: &mut [f32]) {
    let mut most = [f32::MIN; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            most[lane] = if block[lane] > most[lane] { block[lane] } else { most[lane] };
        }
    }
    let most = most.iter().chain(rest).fold(f32::MIN, |most, x| most.max(*x));
    row.iter_mut().for_each(|x| *x = exp(*x - most));
    let share = 1.0 / sum(row, |x| x);
    row.iter_mut().for_each(|x| *x *= share);
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    // ½(1 + tanh u) = 1 / (1 + e^-2u)
    let twice = 2.0 * 0.797_884_6 * (x + 0.044_715 * x * x * x);
    x / (1.0 + exp(-twice))
}

/// The error function as a quotient of polynomials, within 4e-7: the one Eigen computes with.
#[inline(always)]
fn erf(x: f32) -> f32 {
    // Beyond four it is one, as far as f32 can tell.
    let x = x.clamp(-4.0, 4.0);
    let y = x * x;
    let above = [
        -2.726_142_4e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    let below = [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2];
    x * polynomial(y, &above) / polynomial(y, &below)
}

/// e^x within 2e-7 of its size, for the exponents of a softmax; outside f32's normal numbers, the nearest of them.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    // Adding 1.5·2²³ rounds to a whole number and leaves it in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    // ln 2 in two parts, so that the difference is exact.
    let rest = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let curve = [1.987_569_2e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5, 1.0, 1.0];
    let power = polynomial(rest, &curve);
    // Times two to that whole number: added to the exponent.
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// By Horner, the highest power first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, factors: &[f32; N]) -> f32 {
    let mut value = factors[0];
    for factor in &factors[1..] {
        value = value * x + factor;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From -100 to 100, closely around nothing.
    fn numbers() -> impl Iterator<Item = f32> {
        (-20_000..=20_000_i16).map(|step| f32::from(step) / 2000.0).flat_map(|x| [x, x * 10.0, x / 100.0])
    }

    #[test]
    fn the_curves_are_those_of_candle() {
        for x in numbers() {
            // What is lost of the one that erf comes to is multiplied by x.
            let near = 4e-7 * f64::from(1.0 + x.abs());
            let wanted = candle_core::cpu::erf::erf_f64(f64::from(x));
            assert!((f64::from(erf(x)) - wanted).abs() < 5e-7, "erf {x}: {} for {wanted}", erf(x));
            let wanted =
                0.5 * f64::from(x) * (1.0 + candle_core::cpu::erf::erf_f64(f64::from(x) / 2_f64.sqrt()));
            assert!((f64::from(gelu(x)) - wanted).abs() < near, "gelu {x}: {} for {wanted}", gelu(x));
            let wide = f64::from(x);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044_715 * wide.powi(3));
            let wanted = 0.5 * wide * (1.0 + inner.tanh());
            assert!((f64::from(gelu_tanh(x)) - wanted).abs() < near, "gelu_new {x}: {}", gelu_tanh(x));
            let wanted = f64::from(x.clamp(-87.0, 88.0)).exp();
            assert!((f64::from(exp(x)) / wanted - 1.0).abs() < 3e-7, "exp {x}: {} for {wanted}", exp(x));
        }
    }

    #[test]
    fn rows_of_every_length() {
        for length in 1..100_u8 {
            let values: Vec<f32> =
                (0..length).map(|place| f32::from(place % 7) - f32::from(place) / 9.0).collect();
            let mut shares = values.clone();
            softmax(&mut shares);
            let exps: Vec<f64> = values.iter().map(|x| f64::from(*x).exp()).collect();
            let total: f64 = exps.iter().sum();
            for (share, exp) in shares.iter().zip(&exps) {
                assert!((f64::from(*share) - exp / total).abs() < 1e-6, "softmax of {length}");
            }
            let mut row = values.clone();
            let (weight, bias) = (vec![2.0; values.len()], vec![1.0; values.len()]);
            normalise(&mut row, &weight, &bias, 1e-12);
            let mean = row.iter().sum::<f32>() / f32::from(length);
            assert!((mean - 1.0).abs() < 1e-5, "mean of {length}: {mean}");
            let spread = row.iter().map(|x| (x - 1.0) * (x - 1.0)).sum::<f32>() / f32::from(length);
            assert!(length == 1 || (spread - 4.0).abs() < 1e-4, "deviation of {length}: {spread}");
        }
    }

    #[test]
    fn a_softmax_of_far_apart_scores() {
        let mut row = [-1e30, 0.0, 1e4, f32::MIN, 1e4];
        softmax(&mut row);
        assert_eq!(row.map(|share| (share * 2.0).round()), [0.0, 0.0, 1.0, 0.0, 1.0]);
    }
}
