//! The public keys of access tokens, fetched from auth when a token names an unknown key.

use std::collections::HashMap;
use std::sync::RwLock;
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use shared_config::wiring;
use tokio::sync::Mutex;

use crate::error::AuthError;

/// Shortest time between two fetches caused by unknown keys. A new key is published longer than
/// this before its first token, so no token is refused.
const MIN_FETCH_INTERVAL: Duration = Duration::from_millis(500);
/// How long a key set is used before it is fetched again: well below the time for which a leaked
/// key's revocation is kept, so that a withdrawn key is gone before its revocation is.
const KEY_SET_TTL: Duration = Duration::from_mins(5);
/// Longest wait for auth.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);

/// The keys known by their `kid`.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: RwLock<HashMap<String, DecodingKey>>,
    /// Base URL of auth; none in auth itself.
    source: Option<String>,
    fetched: Mutex<Option<Instant>>,
    http: reqwest::Client,
}

impl KeySet {
    pub(crate) fn new(source: Option<String>, http: reqwest::Client) -> Self {
        Self {
            keys: RwLock::default(),
            source,
            fetched: Mutex::default(),
            http,
        }
    }

    /// Replaces all keys.
    pub(crate) fn replace_keys(&self, set: &JwkSet) {
        let known = set.keys.iter().filter_map(|key| {
            let kid = key.common.key_id.clone()?;
            let decoding = DecodingKey::from_jwk(key).ok()?;
            Some((kid, decoding))
        });
        if let Ok(mut keys) = self.keys.write() {
            *keys = known.collect();
        }
    }

    /// The key of that `kid`; fetches the key set when it is unknown.
    pub(crate) async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, AuthError> {
        self.refresh().await;
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        let Some(source) = &self.source else {
            return Ok(None);
        };
        // One fetch at a time; a waiting caller finds what the previous fetch brought.
        let mut fetched = self.fetched.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        if fetched.is_none_or(|at| at.elapsed() >= MIN_FETCH_INTERVAL) {
            let set = self.fetch(source).await;
            self.replace_keys(&set.map_err(|cause| AuthError::unavailable("auth", cause))?);
            *fetched = Some(Instant::now());
        }
        Ok(self.known(kid))
    }

    /// Fetches the key set again when it is old. While auth is unavailable the old one is used;
    /// nobody waits for a fetch that is under way.
    async fn refresh(&self) {
        let (Some(source), Ok(mut fetched)) = (&self.source, self.fetched.try_lock()) else {
            return;
        };
        if fetched.is_none_or(|at| at.elapsed() < KEY_SET_TTL) {
            return;
        }
        match self.fetch(source).await {
            Ok(set) => self.replace_keys(&set),
            Err(cause) => tracing::warn!(%cause, "auth unavailable; using an old key set"),
        }
        *fetched = Some(Instant::now());
    }

    /// Whether [`KeySet::find`] asks auth for this `kid`, or waits for another task that does.
    pub(crate) fn would_fetch(&self, kid: &str) -> bool {
        self.source.is_some() && self.known(kid).is_none()
    }

    fn known(&self, kid: &str) -> Option<DecodingKey> {
        self.keys.read().ok()?.get(kid).cloned()
    }

    async fn fetch(&self, source: &str) -> reqwest::Result<JwkSet> {
        let url = format!("{source}{}", wiring::JWKS);
        let asked = self.http.get(url).timeout(FETCH_TIMEOUT).send().await?;
        asked.error_for_status()?.json().await
    }
}

#[cfg(test)]
mod tests;
