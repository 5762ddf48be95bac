//! Which cases run of a test that has more of them than `make test` has time for.
//!
//! `make test` runs a random sample. `EVERY_CASE` runs all, and `CASES_PART=2/3` one third of all,
//! so that a long test can be divided: `make test-exhaustive` does both. `TEST_SEED` chooses the
//! sample: the same seed chooses the same cases, so a failure can be repeated.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How cases are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// All cases, or one of some equal parts of them.
    Every {
        /// The number of the part; the first is 1.
        part: usize,
        /// How many parts there are.
        of: usize,
    },
    /// A few.
    Random {
        /// The same seed chooses the same cases.
        seed: u64,
    },
}

impl Sample {
    /// What the environment asks for.
    pub fn from_env() -> Self {
        if variable("EVERY_CASE").is_none() {
            let seed = variable("TEST_SEED").map_or(0, |text| text.parse().expect("TEST_SEED"));
            return Self::Random { seed };
        }
        let (part, of) = variable("CASES_PART").map_or((1, 1), |text| {
            let numbers = text.split_once('/').expect("CASES_PART, for example 2/3");
            let number = |text: &str| text.parse::<usize>().expect("a number in CASES_PART");
            (number(numbers.0), number(numbers.1))
        });
        assert!((1..=of).contains(&part), "CASES_PART is {part}/{of}");
        Self::Every { part, of }
    }

    /// The cases to run, in their order. A random sample has `most` cases, one from each of `most`
    /// equal sections, so that it always reaches from the first cases to the last. `test` makes
    /// the choice differ between tests.
    pub fn of<T>(self, test: &str, cases: impl IntoIterator<Item = T>, most: usize) -> Vec<T> {
        let cases: Vec<T> = cases.into_iter().collect();
        let all = cases.len();
        let runs = |number: usize| match self {
            Self::Every { part, of } => number % of == part - 1,
            Self::Random { .. } if all <= most => true,
            Self::Random { seed } => {
                // The section that this case lies in: of the numbers from `start` up to `end`.
                let section = (number * most + most - 1) / all;
                let (start, end) = (section * all / most, (section + 1) * all / most);
                number == start + hash(seed, test, section) % (end - start)
            }
        };
        let chosen = cases.into_iter().enumerate();
        chosen
            .filter(|(number, _)| runs(*number))
            .map(|(_, case)| case)
            .collect()
    }

    /// Whether enough of the chosen faults struck. Two runs differ in their last calls, so a fault
    /// at one of those may find no call to strike; of a few random faults, that may be most.
    pub fn is_enough(self, struck: usize, cases: usize) -> bool {
        match self {
            Self::Every { .. } => struck > cases / 2 || cases == 0,
            Self::Random { .. } => struck >= cases.div_ceil(4),
        }
    }

    /// How many of something a test makes: `few` in `make test`, else `all`.
    pub fn size(self, few: usize, all: usize) -> usize {
        match self {
            Self::Every { .. } => all,
            Self::Random { .. } => few,
        }
    }
}

fn hash(seed: u64, test: &str, section: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    (seed, test, section).hash(&mut hasher);
    usize::try_from(hasher.finish() >> 32).expect("32 bits")
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test may take is asked by its environment"
)]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::Sample;

    #[test]
    fn a_random_sample_has_one_case_of_each_section_for_every_seed() {
        for (all, most) in [(77, 6), (10, 3), (7, 7), (8, 7), (1000, 13), (3, 9), (0, 4)] {
            for seed in 0..50 {
                let sample = Sample::Random { seed };
                let chosen = sample.of("test", 0..all, most);
                assert_eq!(chosen.len(), most.min(all), "{all} {most} {seed}");
                assert!(chosen.is_sorted());
                for (section, case) in chosen.iter().enumerate().filter(|_| all > most) {
                    let section = section * all / most..(section + 1) * all / most;
                    assert!(section.contains(case), "{case} in {section:?}");
                }
            }
        }
    }

    #[test]
    fn the_seed_and_the_test_choose_the_sample() {
        let of = |seed, test| Sample::Random { seed }.of(test, 0..1000, 20);
        assert_eq!(of(1, "conflicts"), of(1, "conflicts"));
        assert_ne!(of(1, "conflicts"), of(2, "conflicts"));
        assert_ne!(of(1, "conflicts"), of(1, "deletions"));
    }

    #[test]
    fn each_case_is_chosen_for_some_seed() {
        let mut never: Vec<usize> = (0..30).collect();
        for seed in 0..200 {
            let chosen = Sample::Random { seed }.of("test", 0..30, 4);
            never.retain(|case| !chosen.contains(case));
        }
        assert_eq!(never, Vec::<usize>::new());
    }

    #[test]
    fn the_parts_of_every_case_are_all_cases_once() {
        let part = |part| Sample::Every { part, of: 3 }.of("test", 0..20, 2);
        let mut all: Vec<i32> = (1..=3).flat_map(part).collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    }
}
