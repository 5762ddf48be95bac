//! The account, its user, consents and usage.

pub(crate) mod consents;
pub(crate) mod email_change;
pub(crate) mod email_verification;
pub(crate) mod me;
pub(crate) mod usage;
