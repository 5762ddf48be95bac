//! Passwords, second factor, sessions, API keys and signing keys.

pub(crate) mod api_key_resolver;
pub(crate) mod api_keys;
pub(crate) mod credential_change;
pub(crate) mod key_ring;
pub(crate) mod password;
pub(crate) mod password_hasher;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod totp;
