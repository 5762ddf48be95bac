//! Secrets at rest: sealed with a key that the database never sees.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use shared_config::Secret;

use crate::config::DataKeys;

/// What every sealed text begins with: the version of its form.
const FORM: &str = "s1";
/// Bytes of a nonce, drawn at random each time.
const NONCE: usize = 24;

/// Seals and opens. Clones share the keys.
#[derive(Clone)]
pub(crate) struct Sealer(Arc<Keys>);

struct Keys {
    current: Key,
    previous: Option<Key>,
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// What was sealed.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) plain: Secret<Vec<u8>>,
    /// The same under today's key, when another one opened it: store it instead.
    pub(crate) resealed: Option<String>,
}

/// Why a text cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error("a sealed text is damaged, or was sealed for another place")]
    Damaged,
    /// `DATA_KEY` was replaced without the old one beside it.
    #[error("a text is sealed with key {0}, which is neither DATA_KEY nor DATA_KEY_PREVIOUS")]
    UnknownKey(String),
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("key", &self.0.current.id)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    pub(crate) fn new(keys: &DataKeys) -> Self {
        Self(Arc::new(Keys {
            current: Key::new(keys.current.expose()),
            previous: keys.previous.as_ref().map(|key| Key::new(key.expose())),
        }))
    }

    /// Seals for one place, such as `totp USER`: moved elsewhere, it does not open.
    pub(crate) fn seal(&self, place: &str, plain: &[u8]) -> Result<String, SealError> {
        let mut nonce = [0_u8; NONCE];
        getrandom::fill(&mut nonce)?;
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        let key = &self.0.current;
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealError::Damaged)?;
        let text = BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat());
        Ok(format!("{FORM}.{}.{text}", key.id))
    }

    /// Opens what was sealed for that place.
    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<Opened, SealError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(FORM), Some(id), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SealError::Damaged);
        };
        let current = &self.0.current;
        let key = [Some(current), self.0.previous.as_ref()];
        let key = key.into_iter().flatten().find(|key| key.id == id);
        let key = key.ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        let plain = key.open(place, text)?;
        let resealed = if key.id == current.id {
            None
        } else {
            Some(self.seal(place, &plain)?)
        };
        let plain = Secret::new(plain);
        Ok(Opened { plain, resealed })
    }
}

impl Key {
    fn new(bytes: &[u8; 32]) -> Self {
        let mut hasher = Sha256::new_with_prefix(b"creator-platform data key id");
        hasher.update(bytes);
        Self {
            id: BASE64_URL_SAFE_NO_PAD.encode(&hasher.finalize()[..6]),
            cipher: XChaCha20Poly1305::new(&(*bytes).into()),
        }
    }

    fn open(&self, place: &str, text: &str) -> Result<Vec<u8>, SealError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text);
        let bytes = bytes.map_err(|_| SealError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or(SealError::Damaged)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        let opened = self.cipher.decrypt(&XNonce::from(nonce), payload);
        opened.map_err(|_| SealError::Damaged)
    }
}

#[cfg(test)]
mod tests;
