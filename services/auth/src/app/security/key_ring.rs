//! The keys that sign access tokens. All replicas read them from PostgreSQL; the activation time of
//! each key decides which one signs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use shared_auth::{RevocationPublisher, Subject, TokenVerifier};
use shared_cache::{Cache, Key};
use shared_config::Secret;
use shared_crypto::{EncryptionError, Encryptor};
use shared_db::{Db, SystemTx};
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

use crate::domain::access_token::{ScheduledKey, Signer, SigningKey};
use crate::error::Error;
use crate::store::signing_keys::{self, SigningKeyRow};

/// How often a replica reads the keys without a notification.
const POLL_INTERVAL: Duration = Duration::from_secs(10);
/// Seconds between the publication of a rotated key and its first token: longer than other services
/// wait before they fetch the key set again, and than a notification of the replicas takes.
const ROTATION_DELAY_SECONDS: f64 = 0.6;
/// How long a scheduled key is published before its first token: longer than any cache stores a key
/// set.
const PREPUBLISH_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
/// How long the revocation of a key lasts: longer than any service caches a key set.
const KEY_REVOCATION_TTL: Duration = Duration::from_hours(1);
/// Largest difference between clocks; a retired key stays published that much longer.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(2);
/// Wait before another attempt to subscribe to notifications.
const SUBSCRIBE_BACKOFF: Duration = Duration::from_secs(1);

/// Between two tries to read the keys for the first time.
const OPENING_INTERVAL: Duration = Duration::from_secs(1);

/// `DATA_KEY` is not the key that the secrets of this database are encrypted with.
#[derive(Debug, thiserror::Error)]
#[error(
    "DataKeyMismatch: {0}. Nothing was encrypted with another key. Restore the Secret with \
     DATA_KEY and SIGNING_SEED from a backup; the runbook says what to do if they are lost"
)]
pub(crate) struct DataKeyMismatch(EncryptionError);

/// The signing keys of this process.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    pub(crate) signer: Signer,
    pub(crate) bootstrap: Secret<[u8; 32]>,
    pub(crate) period: Duration,
    pub(crate) db: Db,
    pub(crate) cache: Cache,
    pub(crate) encryptor: Encryptor,
    pub(crate) verifier: TokenVerifier,
    pub(crate) revocations: RevocationPublisher,
    pub(crate) loaded: Arc<OnceCell<()>>,
    /// Serializes reloads: an older one must not restore keys that a newer one found removed.
    pub(crate) reload_lock: Arc<Mutex<()>>,
}

impl KeyRing {
    /// Waits until the keys were read once: before that, no key is known to sign or verify.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        self.loaded.get_or_try_init(|| self.reload()).await?;
        Ok(())
    }

    /// Waits until the keys were read once. They are the first secrets that a platform stores, and
    /// one is always there, so they also tell whether `DATA_KEY` is the one of this database.
    pub(crate) async fn opened(&self) -> Result<(), DataKeyMismatch> {
        loop {
            match self.ready().await {
                Ok(()) => return Ok(()),
                Err(Error::Encryption(cause @ EncryptionError::UnknownKey(_))) => {
                    return Err(DataKeyMismatch(cause));
                }
                Err(error) => tracing::debug!(%error, "signing keys not read yet"),
            }
            tokio::time::sleep(OPENING_INTERVAL).await;
        }
    }

    /// Adds a key that signs within a second, and returns its id.
    pub(super) async fn rotate(&self) -> Result<String, Error> {
        let mut tx = self.db.system().await?;
        signing_keys::lock(&mut tx).await?;
        let kid = self.add(&mut tx, ROTATION_DELAY_SECONDS).await?;
        tx.commit().await?;
        self.reload().await?;
        Ok(kid)
    }

    /// Adds a key that signs at once and revokes all others: every service refuses the tokens that
    /// they have signed. A failure changes nothing.
    pub(super) async fn replace(&self) -> Result<String, Error> {
        let mut tx = self.db.system().await?;
        signing_keys::lock(&mut tx).await?;
        let old = signing_keys::list(&mut tx).await?;
        for row in &old {
            signing_keys::remove(&mut tx, &row.kid).await?;
        }
        let kid = self.add(&mut tx, 0.0).await?;
        let subjects = old.iter().map(|row| Subject::signing_key(&row.kid));
        let revoked = self.revocations.revoke_for(subjects, KEY_REVOCATION_TTL);
        tx.apply(revoked).await?;
        tx.commit().await?;
        tracing::warn!(kid, "all other signing keys revoked");
        self.reload().await?;
        Ok(kid)
    }

    /// Reads the keys, adds the first one or the one that is due, and removes expired ones.
    pub(super) async fn reload(&self) -> Result<(), Error> {
        let _guard = self.reload_lock.lock().await;
        let mut tx = self.db.system().await?;
        let mut rows = signing_keys::list(&mut tx).await?;
        if self.is_due(&rows) {
            signing_keys::lock(&mut tx).await?;
            rows = signing_keys::list(&mut tx).await?;
            if rows.is_empty() {
                self.insert(&mut tx, self.bootstrap.expose(), 0.0).await?;
            } else if self.is_due(&rows) {
                self.add(&mut tx, PREPUBLISH_INTERVAL.as_secs_f64()).await?;
            }
            rows = signing_keys::list(&mut tx).await?;
        }
        let expired = self.count_expired(&rows);
        for row in rows.drain(..expired) {
            signing_keys::remove(&mut tx, &row.kid).await?;
        }
        let mut keys = Vec::new();
        for row in rows {
            keys.push(ScheduledKey {
                key: self.decrypt(&mut tx, &row).await?,
                active_from: truncate_to_milliseconds(row.active_from),
            });
        }
        tx.commit().await?;
        self.signer.replace_keys(keys);
        self.verifier.replace_keys(&self.signer.key_set());
        Ok(())
    }

    /// Whether a key has to be added: the first one, or the successor of the newest one.
    fn is_due(&self, rows: &[SigningKeyRow]) -> bool {
        let Some(newest) = rows.last() else {
            return true;
        };
        let period = SignedDuration::try_from(self.period).unwrap_or(SignedDuration::MAX);
        let age = Timestamp::now().duration_since(newest.active_from);
        age >= period
            .saturating_sub(PREPUBLISH_INTERVAL)
            .max(SignedDuration::ZERO)
    }

    /// The number of oldest keys whose tokens have all expired.
    fn count_expired(&self, rows: &[SigningKeyRow]) -> usize {
        let ttl = SignedDuration::try_from(self.signer.access_ttl()).unwrap_or(SignedDuration::MAX);
        let retention = ttl.saturating_add(MAX_CLOCK_SKEW);
        let now = Timestamp::now();
        let successors = rows.iter().skip(1);
        let is_long_active =
            |next: &&SigningKeyRow| now.duration_since(next.active_from) > retention;
        successors.take_while(is_long_active).count()
    }

    /// Adds a random key, and returns its id. The commit notifies the other replicas.
    async fn add(&self, tx: &mut SystemTx, delay_seconds: f64) -> Result<String, Error> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed)?;
        let kid = self.insert(tx, &seed, delay_seconds).await?;
        tracing::info!(kid, "signing key added");
        let (cache, added) = (self.cache.clone(), kid.clone());
        tx.after_commit(move || {
            tokio::spawn(notify_replicas(cache, added));
        });
        Ok(kid)
    }

    async fn insert(
        &self,
        tx: &mut SystemTx,
        seed: &[u8; 32],
        delay_seconds: f64,
    ) -> Result<String, Error> {
        let key = SigningKey::from_seed(seed)?;
        let kid = key.kid().to_owned();
        let encrypted = self.encryptor.encrypt(&context(&kid), seed)?;
        signing_keys::insert(tx, &kid, &encrypted, delay_seconds).await?;
        Ok(kid)
    }

    async fn decrypt(&self, tx: &mut SystemTx, row: &SigningKeyRow) -> Result<SigningKey, Error> {
        let decrypted = self
            .encryptor
            .decrypt(&context(&row.kid), &row.encrypted_seed)?;
        if let Some(reencrypted) = &decrypted.reencrypted {
            signing_keys::update_encryption(tx, &row.kid, reencrypted).await?;
        }
        let plaintext = decrypted.plaintext.expose().as_slice();
        let seed: [u8; 32] = plaintext.try_into().map_err(|_| Error::Inconsistent)?;
        Ok(SigningKey::from_seed(&seed)?)
    }

    /// Keeps the keys up to date until `stop`: reloads them when notified, and regularly.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        let work = async {
            loop {
                if let Ok(mut subscription) = self.cache.subscribe(&Key::signing_keys()).await {
                    let mut messages = subscription.on_message();
                    loop {
                        self.reload_or_log().await;
                        let message = tokio::time::timeout(POLL_INTERVAL, messages.next()).await;
                        let is_closed = matches!(message, Ok(None));
                        if is_closed {
                            break;
                        }
                    }
                }
                self.reload_or_log().await;
                tokio::time::sleep(SUBSCRIBE_BACKOFF).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    async fn reload_or_log(&self) {
        let reloaded = match self.ready().await {
            Ok(()) => self.reload().await,
            Err(error) => Err(error),
        };
        if let Err(error) = reloaded {
            tracing::warn!(%error, "signing keys not reloaded; retrying");
        }
    }
}

/// Key times in the API and for signing have millisecond precision.
fn truncate_to_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// The encryption context of a key's seed.
fn context(kid: &str) -> String {
    format!("signing key {kid}")
}

async fn notify_replicas(cache: Cache, kid: String) {
    if let Err(cause) = cache.publish(&Key::signing_keys(), &kid).await {
        tracing::warn!(%cause, "replicas not notified of a new signing key; they poll for it");
    }
}
