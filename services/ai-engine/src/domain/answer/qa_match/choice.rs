//! Which of the pairs that may be meant is.

/// The least nearness of meanings if the question of the pair has a word that the asked one lacks.
/// Chosen on the tuning half of the judged pairs: see `docs/quality.md`.
const MIN_NEARNESS: f32 = 0.85;
/// Two pairs that are as near as that to each other are both meant, or neither.
const MIN_LEAD: f32 = 0.05;

/// How alike two questions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// They ask the same.
    Same,
    /// The question of the pair has a word that the asked one lacks.
    OneLess,
    /// They ask for different things.
    Different,
}

impl Likeness {
    /// Whether they may ask the same, if their meanings are near.
    pub fn is_possible(self) -> bool {
        self != Self::Different
    }

    /// Whether they ask the same, given how near their meanings are; without vectors, none.
    pub fn is_enough(self, nearness: Option<f32>) -> bool {
        match self {
            Self::Same => true,
            Self::OneLess => nearness.is_some_and(|near| near >= MIN_NEARNESS),
            Self::Different => false,
        }
    }
}

/// A pair that may be meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PossiblePair<P> {
    /// The pair.
    pub pair: P,
    /// Of its most similar question.
    pub likeness: Likeness,
    /// Of that question, as a share of what is possible above the threshold of the model.
    pub nearness: Option<f32>,
}

/// The pair that is meant; none if none is, or if two are.
pub fn choose<P: Copy + Eq>(possible: &[PossiblePair<P>]) -> Option<P> {
    let mut enough: Vec<&PossiblePair<P>> = possible
        .iter()
        .filter(|one| one.likeness.is_enough(one.nearness))
        .collect();
    let near = |one: &PossiblePair<P>| one.nearness.unwrap_or_default();
    enough.sort_by(|one, other| {
        one.likeness
            .cmp(&other.likeness)
            .then(near(other).total_cmp(&near(one)))
    });
    let first = enough.first()?;
    let rival = enough.iter().find(|other| other.pair != first.pair);
    let is_clear = rival.is_none_or(|rival| {
        rival.likeness > first.likeness || near(first) - near(rival) >= MIN_LEAD
    });
    is_clear.then_some(first.pair)
}
