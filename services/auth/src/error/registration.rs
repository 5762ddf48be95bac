//! Why somebody may not open an account.

use shared_web::ApiError;

/// A refusal of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegistrationRefused {
    #[error("registration is closed")]
    Closed,
    #[error("an invitation is needed")]
    InvitationRequired,
}

impl From<RegistrationRefused> for ApiError {
    fn from(refused: RegistrationRefused) -> Self {
        match refused {
            RegistrationRefused::Closed => Self::forbidden("registration_closed")
                .detail("accounts are made by whoever runs the platform"),
            RegistrationRefused::InvitationRequired => Self::forbidden("invitation_required")
                .detail("an account needs an invitation here; ask whoever runs the platform"),
        }
    }
}
