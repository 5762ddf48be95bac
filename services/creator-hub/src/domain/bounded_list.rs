//! A bounded list of distinct short texts: tags, categories, certifications.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;

/// At most `COUNT` distinct texts of at most `LENGTH` characters; duplicates are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<SingleLine<LENGTH>>", into = "Vec<String>")]
pub(crate) struct BoundedList<const COUNT: usize, const LENGTH: usize>(Vec<String>);

/// The list is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany(usize);

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must have at most {} entries", self.0)
    }
}

impl<const COUNT: usize, const LENGTH: usize> BoundedList<COUNT, LENGTH> {
    /// The texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<const COUNT: usize, const LENGTH: usize> TryFrom<Vec<SingleLine<LENGTH>>>
    for BoundedList<COUNT, LENGTH>
{
    type Error = TooMany;

    fn try_from(lines: Vec<SingleLine<LENGTH>>) -> Result<Self, Self::Error> {
        let mut kept: Vec<String> = Vec::new();
        for line in lines {
            if !kept
                .iter()
                .any(|known| known.to_lowercase() == line.as_str().to_lowercase())
            {
                kept.push(line.into());
            }
        }
        if kept.len() > COUNT {
            Err(TooMany(COUNT))
        } else {
            Ok(Self(kept))
        }
    }
}

impl<const COUNT: usize, const LENGTH: usize> From<BoundedList<COUNT, LENGTH>> for Vec<String> {
    fn from(listed: BoundedList<COUNT, LENGTH>) -> Self {
        listed.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<String>, String> {
        let listed: Result<BoundedList<2, 4>, _> = serde_json::from_str(json);
        listed.map(Vec::from).map_err(|error| error.to_string())
    }

    #[test]
    fn a_repeated_line_is_dropped_and_the_first_stays() {
        assert_eq!(read(r#"["Zen", " zen ", "b"]"#).unwrap(), ["Zen", "b"]);
    }

    #[test]
    fn a_list_out_of_bounds_is_refused() {
        assert!(
            read(r#"["a", "b", "c"]"#)
                .unwrap_err()
                .contains("at most 2 entries")
        );
        assert!(
            read(r#"["abcde"]"#)
                .unwrap_err()
                .contains("1 to 4 characters")
        );
    }
}
