//! Why somebody is not invited.

use shared_web::ApiError;

/// A refusal around invites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InviteRefused {
    #[error("an owner is above the caller")]
    AboveCaller,
    #[error("no invite of that id waits")]
    Unknown,
    #[error("the account has its most invites")]
    TooMany,
}

impl From<InviteRefused> for ApiError {
    fn from(refused: InviteRefused) -> Self {
        match refused {
            InviteRefused::AboveCaller => {
                Self::forbidden("permission_missing").detail("only an owner invites owners")
            }
            InviteRefused::Unknown => {
                Self::not_found("unknown_invite").detail("there is no such open invite")
            }
            InviteRefused::TooMany => Self::conflict("too_many_invites")
                .detail("this account has its most waiting invites; revoke one"),
        }
    }
}
