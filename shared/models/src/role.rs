//! What a member may do within a creator account.

use serde::{Deserialize, Serialize};

/// A stored role, never derived from the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the account.
    Owner,
    /// Manages members and settings.
    Admin,
    /// Works on content.
    Editor,
    /// Reads.
    Viewer,
}

impl Role {
    /// The word in tables and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }

    /// Whether this role may change what the account holds.
    pub const fn may_write(self) -> bool {
        !matches!(self, Self::Viewer)
    }
}

/// The word names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be owner, admin, editor or viewer")]
pub struct NotARole;

impl std::str::FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "owner" => Ok(Self::Owner),
            "admin" => Ok(Self::Admin),
            "editor" => Ok(Self::Editor),
            "viewer" => Ok(Self::Viewer),
            _ => Err(NotARole),
        }
    }
}
