//! Who may register: anybody, whom the platform invites, or nobody.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use shared_config::Secret;
use shared_models::Email;
use subtle::ConstantTimeEq as _;

use super::refresh_token::keyed_hash;

/// Bytes of the end of validity, which lead a token.
const TIME: usize = 8;

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Anybody may.
    Open,
    /// Whom an administrator of the platform invites.
    InviteOnly,
    /// Nobody may: accounts come from Tenants, members from invites.
    Closed,
}

impl Registration {
    /// The word of a setting.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "open" => Some(Self::Open),
            "invite_only" => Some(Self::InviteOnly),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }
}

/// Signs invitations to register. There is no account yet that could keep them, so a token says
/// itself for which address and until when it is good; it is used up since an address registers
/// once.
#[derive(Debug, Clone)]
pub(crate) struct RegistrationKey(Secret<[u8; 32]>);

impl RegistrationKey {
    /// A key of its own for this purpose, out of the signing seed.
    pub(crate) fn derive(seed: &[u8; 32]) -> Self {
        let purpose = b"creator-platform registration";
        Self(Secret::new(keyed_hash(seed, purpose)))
    }

    /// A token that lets one address register until then.
    pub(crate) fn token(&self, email: &Email, until: Timestamp) -> String {
        let time = until.as_second().to_be_bytes();
        let mut token = time.to_vec();
        token.extend(self.seal(email, time));
        BASE64_URL_SAFE_NO_PAD.encode(token)
    }

    /// Whether a token lets that address register now.
    pub(crate) fn admits(&self, token: &str, email: &Email, now: Timestamp) -> bool {
        let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(token) else {
            return false;
        };
        let Some((time, seal)) = bytes.split_first_chunk::<TIME>() else {
            return false;
        };
        let right: bool = self.seal(email, *time).as_slice().ct_eq(seal).into();
        right && now.as_second() < i64::from_be_bytes(*time)
    }

    fn seal(&self, email: &Email, time: [u8; TIME]) -> [u8; 32] {
        let message = [&time, email.as_str().as_bytes()].concat();
        keyed_hash(self.0.expose(), &message)
    }
}

#[cfg(test)]
mod tests;
