//! From the vectors of tokens to the vector of a text: mean over tokens, then length one.

/// Mean of the rows of a token matrix, `tokens` in row order, each `width` long.
///
/// Nothing is padded here, so every row is a real token and no mask takes part.
pub(crate) fn mean(tokens: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    for token in tokens.chunks_exact(width) {
        for (total, value) in sum.iter_mut().zip(token) {
            *total += value;
        }
    }
    let count = (tokens.len() / width).max(1) as f32;
    sum.iter_mut().for_each(|total| *total /= count);
    sum
}

/// Scales a vector to length one; false (and untouched) when it has no usable direction.
pub(crate) fn normalise(vector: &mut [f32]) -> bool {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    // A NaN fails this comparison too.
    if !(length.is_finite() && length > 1e-12) {
        return false;
    }
    vector.iter_mut().for_each(|x| *x /= length);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_norms() {
        let mut pooled = mean(&[1.0, 4.0, 5.0, 4.0], 2);
        assert_eq!(pooled, [3.0, 4.0]);
        assert!(normalise(&mut pooled));
        assert_eq!(pooled, [0.6, 0.8]);
        for mut hopeless in [vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]] {
            assert!(!normalise(&mut hopeless));
        }
    }
}
