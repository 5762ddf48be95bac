//! The role of a member in an account.

use serde::{Deserialize, Serialize};

use crate::Permission;

/// A stored role, never derived from the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the account.
    Owner,
    /// Manages members and settings.
    Admin,
    /// Edits content.
    Editor,
    /// Reads.
    Viewer,
}

impl Role {
    /// The name in tables and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }

    /// All roles, highest first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Editor, Self::Viewer];

    /// The rank of a role; each has all permissions of the roles below.
    const fn rank(self) -> u8 {
        match self {
            Self::Owner => 3,
            Self::Admin => 2,
            Self::Editor => 1,
            Self::Viewer => 0,
        }
    }

    /// Whether this role has that permission.
    pub const fn permits(self, permission: Permission) -> bool {
        self.rank() >= permission.least_role().rank()
    }

    /// The permissions of this role.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        let all = Permission::ALL.iter().copied();
        all.filter(move |permission| self.permits(*permission))
    }
}

/// The text is not the name of a role.
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
