//! A number that cannot lie outside its bounds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number from `MIN` to `MAX`, both included.
///
/// A field of a request documents it as `#[schema(value_type = Option<u16>, minimum = …, maximum =
/// …)]`: a schema of its own would not be `["integer", "null"]` when it is optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u16")]
pub struct Bounded<const MIN: u16, const MAX: u16>(u16);

/// The number lies outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfBounds {
    min: u16,
    max: u16,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must lie between {} and {}", self.min, self.max)
    }
}

impl std::error::Error for OutOfBounds {}

impl<const MIN: u16, const MAX: u16> Bounded<MIN, MAX> {
    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

// From i64 and not from u16, so that a negative or huge number gets the same message.
impl<const MIN: u16, const MAX: u16> TryFrom<i64> for Bounded<MIN, MAX> {
    type Error = OutOfBounds;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        let number = u16::try_from(number).ok();
        number
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Self)
            .ok_or(OutOfBounds { min: MIN, max: MAX })
    }
}

impl<const MIN: u16, const MAX: u16> From<Bounded<MIN, MAX>> for u16 {
    fn from(number: Bounded<MIN, MAX>) -> Self {
        number.0
    }
}

impl<const MIN: u16, const MAX: u16> From<Bounded<MIN, MAX>> for usize {
    fn from(number: Bounded<MIN, MAX>) -> Self {
        number.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn only_numbers_within_the_bounds_are_parsed() {
        for (text, expected) in [("1", 1), ("20", 20)] {
            let parsed: Bounded<1, 20> = serde_json::from_str(text).unwrap();
            assert_eq!(parsed.get(), expected);
            assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        }
        for text in ["0", "21", "-1", "300", "70000"] {
            let error = serde_json::from_str::<Bounded<1, 20>>(text).unwrap_err();
            assert!(error.to_string().contains("between 1 and 20"), "{error}");
        }
        assert!(serde_json::from_str::<Bounded<1, 20>>("\"5\"").is_err());
        assert!(serde_json::from_str::<Bounded<1, 20>>("1.5").is_err());
    }
}
