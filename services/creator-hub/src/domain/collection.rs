//! Named sets of documents.

use jiff::Timestamp;
use shared_models::CollectionId;
use shared_models::text::{MultiLine, SingleLine};

/// Longest name, characters.
pub(crate) const NAME: usize = 100;
/// Longest description, characters.
pub(crate) const DESCRIPTION: usize = 500;

/// A collection.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    pub(crate) id: CollectionId,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// Documents in it that are not deleted.
    pub(crate) documents: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A collection to be added.
#[derive(Debug, Clone)]
pub(crate) struct NewCollection {
    pub(crate) name: SingleLine<NAME>,
    pub(crate) description: Option<MultiLine<DESCRIPTION>>,
}

/// The fields to change; an absent field stays unchanged.
#[derive(Debug, Clone)]
#[expect(clippy::option_option, reason = "absent leaves it, none removes it")]
pub(crate) struct CollectionChange {
    pub(crate) name: Option<SingleLine<NAME>>,
    pub(crate) description: Option<Option<MultiLine<DESCRIPTION>>>,
}

impl CollectionChange {
    /// Name and description after the change.
    pub(crate) fn apply(self, old: &Collection) -> (String, Option<String>) {
        let name = self.name.map_or_else(|| old.name.clone(), String::from);
        let description = match self.description {
            Some(new) => new.map(String::from),
            None => old.description.clone(),
        };
        (name, description)
    }
}
