//! Everything that opens or renews a session.

pub(crate) mod challenge;
pub(crate) mod login;
pub(crate) mod owner_invitations;
pub(crate) mod refresh;
pub(crate) mod registration;
pub(crate) mod session;
pub(crate) mod signup_invitations;
