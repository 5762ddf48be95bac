//! The public keys of access tokens: fetched from auth when a token names one we do not know.

use std::collections::HashMap;
use std::sync::RwLock;
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use shared_config::wiring;
use tokio::sync::Mutex;

use crate::error::ApiError;

/// How often the key set is asked for again when a token names a key that we do not know: less
/// than a new key is published ahead of its first token, so that none is refused.
const REFETCH: Duration = Duration::from_millis(500);
/// How long a key set is believed: well below the time for which a key's revocation is told, so
/// that a key which auth no longer publishes is gone from here before that is forgotten.
const BELIEVED: Duration = Duration::from_mins(5);
/// How long auth may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The keys known by their `kid`.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: RwLock<HashMap<String, DecodingKey>>,
    /// Base URL of auth; none in auth itself.
    source: Option<String>,
    fetched: Mutex<Option<Instant>>,
    http: reqwest::Client,
}

impl KeySet {
    pub(super) fn new(source: Option<String>, http: reqwest::Client) -> Self {
        Self {
            keys: RwLock::default(),
            source,
            fetched: Mutex::default(),
            http,
        }
    }

    /// Takes over a key set.
    pub(super) fn learn(&self, set: &JwkSet) {
        let known = set.keys.iter().filter_map(|key| {
            let kid = key.common.key_id.clone()?;
            let decoding = DecodingKey::from_jwk(key).ok()?;
            Some((kid, decoding))
        });
        if let Ok(mut keys) = self.keys.write() {
            *keys = known.collect();
        }
    }

    /// The key of that name, asked for if need be.
    pub(super) async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, ApiError> {
        self.refresh().await;
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        let Some(source) = &self.source else {
            return Ok(None);
        };
        // One fetch at a time; who waited finds what the one before brought.
        let mut fetched = self.fetched.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        if fetched.is_none_or(|at| at.elapsed() >= REFETCH) {
            let set = self.fetch(source).await;
            self.learn(&set.map_err(|cause| ApiError::unavailable("auth", cause))?);
            *fetched = Some(Instant::now());
        }
        Ok(self.known(kid))
    }

    /// Asks again for a key set that has grown old. While auth is away the old one serves; who
    /// finds the question under way does not wait for it.
    async fn refresh(&self) {
        let (Some(source), Ok(mut fetched)) = (&self.source, self.fetched.try_lock()) else {
            return;
        };
        if fetched.is_none_or(|at| at.elapsed() < BELIEVED) {
            return;
        }
        match self.fetch(source).await {
            Ok(set) => self.learn(&set),
            Err(cause) => tracing::warn!(%cause, "the key set is old, and auth does not answer"),
        }
        *fetched = Some(Instant::now());
    }

    fn known(&self, kid: &str) -> Option<DecodingKey> {
        self.keys.read().ok()?.get(kid).cloned()
    }

    async fn fetch(&self, source: &str) -> reqwest::Result<JwkSet> {
        let url = format!("{source}{}", wiring::JWKS);
        let asked = self.http.get(url).timeout(PATIENCE).send().await?;
        asked.error_for_status()?.json().await
    }
}

#[cfg(test)]
mod tests;
