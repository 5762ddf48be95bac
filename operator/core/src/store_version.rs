//! Versions of the stores' programs, as the tags of their images tell, and which of them can read
//! the data of which.

use std::cmp::Ordering;
use std::fmt;

use shared_config::Store;

/// Most parts of a version that count.
const PARTS_MAX: usize = 3;
/// A tag that begins with a greater number is a date or a build, not a version of a store.
const NUMBER_MAX: u32 = 99;

/// The version of a program, with as many parts as its tag has: `15`, `7.2`, `1.5.9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreVersion(Vec<u32>);

impl StoreVersion {
    /// The version in a text such as `15.4` or `15-alpine`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.split('-').next().unwrap_or_default();
        let number = number.strip_prefix('v').unwrap_or(number);
        let parts: Vec<&str> = number.split('.').collect();
        let plain = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        if parts.len() > PARTS_MAX || !parts.iter().all(plain) {
            return None;
        }
        let parts: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
        let first = parts.first().copied()?;
        (first <= NUMBER_MAX).then_some(Self(parts))
    }

    /// The version that an image of a store has by its name and tag. An image by digest, of
    /// another name or with a tag of another kind tells nothing.
    pub fn of_image(store: Store, image: &str) -> Option<Self> {
        if image.contains('@') {
            return None;
        }
        let last = image.rsplit('/').next()?;
        let (name, tag) = last.split_once(':')?;
        let names: &[&str] = match store {
            Store::Postgres => &["postgres", "postgresql"],
            Store::Redis => &["redis"],
            Store::Chroma => &["chroma", "chromadb"],
            Store::Ollama => &[],
        };
        names.contains(&name).then(|| Self::parse(tag)).flatten()
    }

    /// How the first `parts` of two versions compare, as far as both have them.
    fn compare(&self, other: &Self, parts: usize) -> Ordering {
        let pairs = self.0.iter().zip(&other.0).take(parts);
        let mut orders = pairs.map(|(one, two)| one.cmp(two));
        orders
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl fmt::Display for StoreVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

/// Why a program must not be started on data of that version, and what to do instead.
pub fn refusal(store: Store, data: &StoreVersion, program: &StoreVersion) -> Option<String> {
    let name = store.name();
    match store {
        // Its files are of one major version, in both directions.
        Store::Postgres => program.compare(data, 1).is_ne().then(|| {
            format!(
                "The data is of PostgreSQL {data}, and spec.images.postgres is of PostgreSQL \
                 {program}, which cannot read it. Set the image back. To move to another major \
                 version, make a backup and restore it into a new platform with spec.restoreFrom: \
                 docs/upgrading.md has the steps, and the platform of now stays as it is."
            )
        }),
        // Newer programs read what older ones wrote, and write it in a form that those do not
        // know.
        Store::Redis | Store::Chroma => program.compare(data, 2).is_lt().then(|| {
            format!(
                "The data was written by version {data} of {name}, and spec.images.{name} is of \
                 the older version {program}, which may not read it. Set the image to {data} or a \
                 newer one."
            )
        }),
        Store::Ollama => None,
    }
}
