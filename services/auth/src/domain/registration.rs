//! Who may register: anybody, whom the platform invites, or nobody.

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Anybody may.
    Open,
    /// Whom an administrator of the platform invites.
    InviteOnly,
    /// Nobody may: accounts come from Tenants, members from invites.
    Closed,
}

impl Registration {
    /// The word of a setting.
    pub(crate) fn from_name(word: &str) -> Option<Self> {
        match word {
            "open" => Some(Self::Open),
            "invite_only" => Some(Self::InviteOnly),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }
}
