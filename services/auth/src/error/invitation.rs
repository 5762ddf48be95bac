//! Refusals around invitations.

use shared_web::ApiError;

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvitationRefused {
    #[error("only an owner can invite owners")]
    AboveCaller,
    #[error("there is no such pending invitation")]
    Unknown,
    #[error("the account has too many pending invitations")]
    TooMany,
}

impl From<InvitationRefused> for ApiError {
    fn from(refused: InvitationRefused) -> Self {
        match refused {
            InvitationRefused::AboveCaller => {
                Self::forbidden("permission_missing").detail("only an owner can invite owners")
            }
            InvitationRefused::Unknown => {
                Self::not_found("unknown_invite").detail("there is no such pending invitation")
            }
            InvitationRefused::TooMany => Self::conflict("too_many_invites")
                .detail("this account has the maximum number of pending invitations; revoke one"),
        }
    }
}
