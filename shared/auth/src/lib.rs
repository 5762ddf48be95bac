#![doc = include_str!("../README.md")]

pub mod api_key;
pub mod claims;
mod credential_cache;
pub mod error;
pub mod identity;
mod key_set;
pub mod revocation;
pub mod signer;
pub mod verifier;

pub use claims::AccessClaims;
pub use error::AuthError;
pub use identity::{Identity, Principal};
pub use revocation::{RecordRevocations, RevocationPublisher, Revocations, Subject};
pub use signer::ServiceTokenSigner;
pub use verifier::{TokenVerifier, VerifierSettings};
