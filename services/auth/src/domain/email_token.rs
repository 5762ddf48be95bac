//! The code in an email: opaque, stored as a hash only, used once.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use shared_config::Secret;

/// What a code may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    PasswordReset,
    EmailVerification,
    EmailChange,
}

impl Purpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::EmailVerification => "email_verification",
            Self::EmailChange => "email_change",
        }
    }
}

/// The code in an email.
#[derive(Debug, Clone)]
pub(crate) struct EmailToken(Secret<String>);

impl EmailToken {
    /// A new code of 32 random bytes.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// A code as a client sent it.
    pub(crate) const fn received(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// The hash that the database stores.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose()).into()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.expose()
    }
}
