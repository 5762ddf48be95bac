//! The signed-in user and the account.

pub(crate) mod consents;
pub(crate) mod email_change;
pub(crate) mod email_verification;
pub(crate) mod me;
pub(crate) mod usage;
