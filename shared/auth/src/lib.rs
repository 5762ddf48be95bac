#![doc = include_str!("../README.md")]

pub mod api_key;
pub mod claims;
mod credential;
mod credential_cache;
pub mod ending;
pub mod error;
pub mod identity;
mod key_set;
pub mod revocation;
pub mod service_keys;
pub mod signer;
pub mod verifier;

pub use claims::AccessClaims;
pub use ending::{CredentialLifetime, End};
pub use error::AuthError;
pub use identity::{Identity, Principal};
pub use revocation::{RecordRevocations, RevocationPublisher, Revocations, Subject};
pub use service_keys::ServiceKeys;
pub use signer::ServiceTokenSigner;
pub use verifier::{TokenVerifier, VerifierSettings};
