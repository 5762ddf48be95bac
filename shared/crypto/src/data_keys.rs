//! The keys that secrets at rest are encrypted with.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use shared_config::{Reader, Secret, keys};

/// The current key, and the previous one during a rotation.
#[derive(Debug, Clone)]
pub struct DataKeys {
    /// Encrypts and decrypts.
    pub current: Secret<[u8; 32]>,
    /// Decrypts only.
    pub previous: Option<Secret<[u8; 32]>>,
}

impl DataKeys {
    /// Reads `DATA_KEY` and, during a rotation, `DATA_KEY_PREVIOUS`.
    pub fn from_reader(reader: &mut Reader) -> Self {
        let current = read_key(reader, keys::DATA_KEY);
        let has_previous = !reader.optional(keys::DATA_KEY_PREVIOUS, "").is_empty();
        let previous = has_previous.then(|| read_key(reader, keys::DATA_KEY_PREVIOUS));
        Self { current, previous }
    }
}

/// Reads 32 random bytes in base64; records a problem for anything else.
pub fn read_key(reader: &mut Reader, key: &'static str) -> Secret<[u8; 32]> {
    let text = reader.secret(key);
    let decoded = BASE64_STANDARD.decode(text.expose());
    let bytes: Option<[u8; 32]> = decoded.ok().and_then(|bytes| bytes.try_into().ok());
    let random = bytes.filter(|bytes| bytes.iter().any(|byte| *byte != bytes[0]));
    if random.is_none() && !text.expose().is_empty() {
        reader.problem(key, "must be 32 random bytes in base64");
    }
    Secret::new(random.unwrap_or_default())
}
