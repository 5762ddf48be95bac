//! Who may see a document.

use serde::{Deserialize, Serialize};

/// Who may see a document, and how much of it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Members of the account only.
    Internal,
    /// Visitors get answers from it, with its title, positions and quotations. How much of it one
    /// visitor can collect has a bound.
    #[default]
    AnswerOnly,
    /// Visitors may also open the original.
    Public,
}

impl Visibility {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Internal, Self::AnswerOnly, Self::Public];

    /// The name in the database and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::AnswerOnly => "answer_only",
            Self::Public => "public",
        }
    }

    /// The visibility of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|visibility| visibility.as_str() == name)
    }
}
