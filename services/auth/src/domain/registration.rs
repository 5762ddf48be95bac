//! Who may register: everybody, invited people, or nobody.

/// The registration policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Everybody may register.
    Open,
    /// People whom a platform administrator invites may register.
    InviteOnly,
    /// Nobody may register: Tenant resources create accounts, invitations create members.
    Closed,
}

impl Registration {
    /// Parses the value of the setting.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "open" => Some(Self::Open),
            "invite_only" => Some(Self::InviteOnly),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }
}
