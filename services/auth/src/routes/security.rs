//! Passwords, second factor, sessions, API keys and signing keys.

pub(crate) mod api_keys;
pub(crate) mod jwks;
pub(crate) mod password;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod totp;
