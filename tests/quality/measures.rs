//! Measures of ranked results, and how sure their differences are.

use std::collections::BTreeSet;

/// Results that count.
pub(crate) const DEPTH: usize = 10;
const RESAMPLES: usize = 10_000;

/// The measures of one ranking of documents for one question.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Measured {
    pub(crate) ndcg: f64,
    pub(crate) recall: f64,
    pub(crate) reciprocal_rank: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
const fn real(count: usize) -> f64 {
    count as f64
}

/// Measures a ranking; every relevant document is worth the same.
pub(crate) fn measure(ranking: &[String], relevant: &BTreeSet<String>) -> Measured {
    let gain = |place: usize| 1.0 / (real(place) + 2.0).log2();
    let top = || ranking.iter().take(DEPTH).enumerate();
    let found: Vec<usize> = top()
        .filter(|(_, id)| relevant.contains(*id))
        .map(|(place, _)| place)
        .collect();
    let ideal: f64 = (0..relevant.len().min(DEPTH)).map(gain).sum();
    Measured {
        ndcg: found.iter().map(|place| gain(*place)).sum::<f64>() / ideal,
        recall: real(found.len()) / real(relevant.len()),
        reciprocal_rank: found
            .first()
            .map_or(0.0, |place| 1.0 / (real(*place) + 1.0)),
    }
}

pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    values.iter().sum::<f64>() / real(values.len().max(1))
}

/// The 95 % interval of the mean of paired differences, by resampling questions.
pub(crate) fn interval(differences: &[f64]) -> (f64, f64) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let count = differences.len();
    let mut next = || {
        // xorshift64*: the same numbers in every run.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let number = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % count
    };
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| mean((0..count).map(|_| differences[next()])))
        .collect();
    means.sort_by(f64::total_cmp);
    (means[RESAMPLES / 40], means[RESAMPLES - RESAMPLES / 40])
}
