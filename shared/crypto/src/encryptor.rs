//! Encrypts and decrypts; a ciphertext is text that names its format and its key.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use shared_config::Secret;

use crate::data_keys::DataKeys;

/// The version of the format, the first part of every ciphertext.
const FORMAT: &str = "s1";
/// Bytes of a nonce. At 24 bytes, random nonces do not collide in practice.
const NONCE_LENGTH: usize = 24;

/// Encrypts and decrypts. Clones share the keys.
#[derive(Clone)]
pub struct Encryptor(Arc<Keys>);

struct Keys {
    current: Key,
    previous: Option<Key>,
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// A decrypted secret.
#[derive(Debug)]
pub struct Decrypted {
    /// The secret.
    pub plaintext: Secret<Vec<u8>>,
    /// The ciphertext under the current key, when the previous key decrypted it: store it.
    pub reencrypted: Option<String>,
}

/// Why a text cannot be encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionError {
    /// Altered, truncated, or encrypted for another context.
    #[error("a ciphertext is damaged, or belongs to another context")]
    Damaged,
    /// `DATA_KEY` was replaced without keeping the old one as `DATA_KEY_PREVIOUS`.
    #[error("a ciphertext needs key {0}, which is neither DATA_KEY nor DATA_KEY_PREVIOUS")]
    UnknownKey(String),
    /// The operating system gave no randomness.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

impl std::fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encryptor")
            .field("key", &self.0.current.id)
            .finish_non_exhaustive()
    }
}

impl Encryptor {
    /// Encrypts with the current key, decrypts with either.
    pub fn new(keys: &DataKeys) -> Self {
        Self(Arc::new(Keys {
            current: Key::new(keys.current.expose()),
            previous: keys.previous.as_ref().map(|key| Key::new(key.expose())),
        }))
    }

    /// Encrypts for one context, such as `totp USER`; it is authenticated with the text (the
    /// cipher's associated data), so a ciphertext copied to another row does not decrypt.
    pub fn encrypt(&self, context: &str, plaintext: &[u8]) -> Result<String, EncryptionError> {
        let mut nonce = [0_u8; NONCE_LENGTH];
        getrandom::fill(&mut nonce)?;
        let payload = Payload {
            msg: plaintext,
            aad: context.as_bytes(),
        };
        let key = &self.0.current;
        let encrypted = key.cipher.encrypt(&XNonce::from(nonce), payload);
        let encrypted = encrypted.map_err(|_| EncryptionError::Damaged)?;
        let text = BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &encrypted].concat());
        Ok(format!("{FORMAT}.{}.{text}", key.id))
    }

    /// Decrypts what was encrypted for that context.
    pub fn decrypt(&self, context: &str, ciphertext: &str) -> Result<Decrypted, EncryptionError> {
        let mut parts = ciphertext.splitn(3, '.');
        let (Some(FORMAT), Some(key_id), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(EncryptionError::Damaged);
        };
        let current = &self.0.current;
        let known = [Some(current), self.0.previous.as_ref()];
        let key = known.into_iter().flatten().find(|key| key.id == key_id);
        let key = key.ok_or_else(|| EncryptionError::UnknownKey(key_id.to_owned()))?;
        let plaintext = key.decrypt(context, text)?;
        let reencrypted = if key.id == current.id {
            None
        } else {
            Some(self.encrypt(context, &plaintext)?)
        };
        Ok(Decrypted {
            plaintext: Secret::new(plaintext),
            reencrypted,
        })
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

    fn decrypt(&self, context: &str, text: &str) -> Result<Vec<u8>, EncryptionError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text);
        let bytes = bytes.map_err(|_| EncryptionError::Damaged)?;
        let (nonce, encrypted) = bytes
            .split_at_checked(NONCE_LENGTH)
            .ok_or(EncryptionError::Damaged)?;
        let nonce: [u8; NONCE_LENGTH] = nonce.try_into().map_err(|_| EncryptionError::Damaged)?;
        let payload = Payload {
            msg: encrypted,
            aad: context.as_bytes(),
        };
        let decrypted = self.cipher.decrypt(&XNonce::from(nonce), payload);
        decrypted.map_err(|_| EncryptionError::Damaged)
    }
}

#[cfg(test)]
mod tests;
