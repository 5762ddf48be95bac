//! The keys that secrets at rest are sealed with.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use shared_config::{Reader, Secret, keys};

/// The key of today, and the one before while it is being replaced.
#[derive(Debug, Clone)]
pub struct DataKeys {
    /// Seals and opens.
    pub current: Secret<[u8; 32]>,
    /// Opens only.
    pub previous: Option<Secret<[u8; 32]>>,
}

impl DataKeys {
    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let current = key32(reader, keys::DATA_KEY);
        let named = !reader.optional(keys::DATA_KEY_PREVIOUS, "").is_empty();
        let previous = named.then(|| key32(reader, keys::DATA_KEY_PREVIOUS));
        Self { current, previous }
    }
}

/// 32 random bytes in base64.
pub(super) fn key32(reader: &mut Reader, key: &'static str) -> Secret<[u8; 32]> {
    let text = reader.secret(key);
    let decoded = BASE64_STANDARD.decode(text.expose());
    let bytes: Option<[u8; 32]> = decoded.ok().and_then(|bytes| bytes.try_into().ok());
    let random = bytes.filter(|bytes| bytes.iter().any(|byte| *byte != bytes[0]));
    if random.is_none() && !text.expose().is_empty() {
        reader.problem(key, "must be 32 random bytes in base64");
    }
    Secret::new(random.unwrap_or_default())
}
