//! Rounds in which all sides take turns: what disturbs the machine meanwhile disturbs all of them.

/// Rounds that count; one before them warms up.
pub(crate) const ROUNDS: usize = 9;

/// Does a side's bounded work once and gives its figure.
pub(crate) type Side<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// A figure for each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    /// One figure.
    pub(crate) fn of(figure: f64) -> Self {
        Self(vec![figure])
    }

    /// Adds the figure of a round.
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The middle of the rounds.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// The least.
    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The most.
    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The quotients, round by round: both figures of one are from the same seconds.
    pub(crate) fn over(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(own, others)| own / others).collect())
    }
}

/// A B C, A B C, …: the figures of each side.
pub(crate) fn alternate<const SIDES: usize>(mut sides: [Side<'_>; SIDES]) -> [Series; SIDES] {
    let mut found = [(); SIDES].map(|()| Series::default());
    for round in 0..=ROUNDS {
        for (side, series) in sides.iter_mut().zip(&mut found) {
            let figure = side();
            if round > 0 {
                series.0.push(figure);
            }
        }
    }
    found
}

/// A count as a figure; none here comes near the limit.
#[expect(clippy::cast_precision_loss, reason = "counts here are below 2^52")]
pub(crate) const fn number(count: usize) -> f64 {
    count as f64
}
