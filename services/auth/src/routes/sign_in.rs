//! Registration, sign-in, refresh and sign-out.

pub(crate) mod device;
pub(crate) mod login;
pub(crate) mod owner_invitations;
pub(crate) mod registration;
pub(crate) mod second_step;
pub(crate) mod session;
pub(crate) mod session_response;
pub(crate) mod signup_invitations;
