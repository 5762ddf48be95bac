//! Refusals of registrations.

use shared_web::ApiError;

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegistrationRefused {
    #[error("registration is closed")]
    Closed,
    #[error("an invitation is required")]
    InvitationRequired,
}

impl From<RegistrationRefused> for ApiError {
    fn from(refused: RegistrationRefused) -> Self {
        match refused {
            RegistrationRefused::Closed => Self::forbidden("registration_closed")
                .detail("the operator of the platform creates accounts"),
            RegistrationRefused::InvitationRequired => Self::forbidden("invitation_required")
                .detail("registration requires an invitation by the operator of the platform"),
        }
    }
}
