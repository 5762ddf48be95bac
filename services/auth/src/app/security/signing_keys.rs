//! The keys that sign, the same in every replica: PostgreSQL has them, and their times decide.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use shared_auth::{Subject, TokenVerifier};
use shared_cache::{Cache, Key};
use shared_config::Secret;
use shared_db::{Db, SystemTx};
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

use crate::domain::token::{Signer, SigningKey};
use crate::error::Error;
use crate::store::signing_keys::{self, KeyRow};
use shared_crypto::Encryptor;

/// Between two looks when nothing is told.
const LOOK: Duration = Duration::from_secs(10);
/// From the publication of a key on demand to its first token, seconds: longer than other services
/// wait before they ask for the key set again, and than a replica needs to hear of it.
const ON_DEMAND: f64 = 0.6;
/// The same for a key that is due: longer than any cache keeps a key set.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);
/// How long it is told that a key no longer holds: longer than any service believes a key set.
const TOLD: Duration = Duration::from_hours(1);
/// Clocks differ by so much; a key is published longer by it.
const MARGIN: SignedDuration = SignedDuration::from_mins(2);

/// What the keys are kept with.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    pub(crate) signer: Signer,
    pub(crate) bootstrap: Secret<[u8; 32]>,
    pub(crate) period: Duration,
    pub(crate) db: Db,
    pub(crate) cache: Cache,
    pub(crate) encryptor: Encryptor,
    pub(crate) verifier: TokenVerifier,
    pub(crate) loaded: Arc<OnceCell<()>>,
    /// One look at a time: an older one must not put back what a newer one found gone.
    pub(crate) looking: Arc<Mutex<()>>,
}

impl KeyRing {
    /// Makes sure that the keys were read once: before that, this process does not know which one
    /// signs.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        self.loaded.get_or_try_init(|| self.look()).await?;
        Ok(())
    }

    /// Makes a key that signs at once, or nearly so; its name.
    pub(crate) async fn rotate(&self) -> Result<String, Error> {
        let mut tx = self.db.system().await?;
        signing_keys::hold(&mut tx).await?;
        let kid = self.add(&mut tx, ON_DEMAND).await?;
        tx.commit().await?;
        self.tell(&kid).await;
        self.look().await?;
        Ok(kid)
    }

    /// Makes a key that signs at once, and ends all others: what they signed is refused by every
    /// service. Should it fail, nothing has changed.
    pub(crate) async fn replace(&self) -> Result<String, Error> {
        let mut tx = self.db.system().await?;
        signing_keys::hold(&mut tx).await?;
        let old = signing_keys::list(&mut tx).await?;
        for row in &old {
            signing_keys::remove(&mut tx, &row.kid).await?;
        }
        let kid = self.add(&mut tx, 0.0).await?;
        // Before the commit, since afterwards nobody could name these keys any more.
        let ended = match self.end(&old).await {
            Ok(()) => tx.commit().await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            self.uphold(&old).await;
            return Err(error);
        }
        tracing::warn!(kid, "all other signing keys were ended");
        self.tell(&kid).await;
        self.look().await?;
        Ok(kid)
    }

    async fn end(&self, keys: &[KeyRow]) -> Result<(), Error> {
        let Some(revocations) = self.verifier.revocations() else {
            return Ok(());
        };
        for row in keys {
            let told = revocations.revoke(Subject::signing_key(&row.kid), TOLD);
            told.await
                .map_err(|cause| Error::Revocation(Box::new(cause)))?;
        }
        Ok(())
    }

    /// Takes back what [`Self::end`] told.
    async fn uphold(&self, keys: &[KeyRow]) {
        let Some(revocations) = self.verifier.revocations() else {
            return;
        };
        for row in keys {
            if let Err(cause) = revocations.lift(Subject::signing_key(&row.kid)).await {
                tracing::error!(%cause, kid = row.kid, "a key that still signs may be refused");
            }
        }
    }

    async fn tell(&self, kid: &str) {
        if let Err(cause) = self.cache.publish(&Key::signing_keys(), kid).await {
            tracing::warn!(%cause, "other replicas learn of the new key a little later");
        }
    }

    /// Reads the keys, makes the first one or the one that is due, and forgets the expired ones.
    pub(crate) async fn look(&self) -> Result<(), Error> {
        let _alone = self.looking.lock().await;
        let mut tx = self.db.system().await?;
        let mut rows = signing_keys::list(&mut tx).await?;
        if self.is_due(&rows) {
            signing_keys::hold(&mut tx).await?;
            rows = signing_keys::list(&mut tx).await?;
            if rows.is_empty() {
                let key = SigningKey::of_seed(self.bootstrap.expose())?;
                let sealed = self
                    .encryptor
                    .encrypt(&place(key.kid()), self.bootstrap.expose())?;
                signing_keys::insert(&mut tx, key.kid(), &sealed, 0.0).await?;
            } else if self.is_due(&rows) {
                self.add(&mut tx, AHEAD.as_secs_f64()).await?;
            }
            rows = signing_keys::list(&mut tx).await?;
        }
        let expired = self.expired(&rows);
        for row in rows.drain(..expired) {
            signing_keys::remove(&mut tx, &row.kid).await?;
        }
        let mut keys = Vec::new();
        for row in rows {
            let key = self.open(&mut tx, &row).await?;
            keys.push((key, row.active_from.as_millisecond()));
        }
        tx.commit().await?;
        self.signer.take(keys);
        self.verifier.replace_keys(&self.signer.key_set());
        Ok(())
    }

    /// Whether a key is to be made: the first one, or because the youngest grows old.
    fn is_due(&self, rows: &[KeyRow]) -> bool {
        let Some(youngest) = rows.last() else {
            return true;
        };
        let period = SignedDuration::try_from(self.period).unwrap_or(SignedDuration::MAX);
        let age = Timestamp::now().duration_since(youngest.active_from);
        age >= period.saturating_sub(AHEAD).max(SignedDuration::ZERO)
    }

    /// So many of the oldest keys have signed no token that still lives.
    fn expired(&self, rows: &[KeyRow]) -> usize {
        let life = SignedDuration::try_from(self.signer.life()).unwrap_or(SignedDuration::MAX);
        let kept = life.saturating_add(MARGIN);
        let replaced = rows.iter().skip(1);
        let now = Timestamp::now();
        let long_ago = |next: &&KeyRow| now.duration_since(next.active_from) > kept;
        replaced.take_while(long_ago).count()
    }

    async fn add(&self, tx: &mut SystemTx, wait_seconds: f64) -> Result<String, Error> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed)?;
        let key = SigningKey::of_seed(&seed)?;
        let sealed = self.encryptor.encrypt(&place(key.kid()), &seed)?;
        signing_keys::insert(tx, key.kid(), &sealed, wait_seconds).await?;
        tracing::info!(kid = key.kid(), "a new signing key");
        Ok(key.kid().to_owned())
    }

    async fn open(&self, tx: &mut SystemTx, row: &KeyRow) -> Result<SigningKey, Error> {
        let decrypted = self.encryptor.decrypt(&place(&row.kid), &row.seed)?;
        if let Some(reencrypted) = &decrypted.reencrypted {
            signing_keys::reseal(tx, &row.kid, reencrypted).await?;
        }
        let seed: Result<[u8; 32], _> = decrypted.plaintext.expose().as_slice().try_into();
        Ok(SigningKey::of_seed(
            &seed.map_err(|_| Error::Inconsistent)?,
        )?)
    }

    /// Keeps the keys up to date until told to stop: at once when told, and by looking.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        let work = async {
            loop {
                if let Ok(mut told) = self.cache.subscribe(&Key::signing_keys()).await {
                    let mut told = told.on_message();
                    loop {
                        self.look_again().await;
                        let heard = tokio::time::timeout(LOOK, told.next()).await;
                        if matches!(heard, Ok(None)) {
                            // The subscription has ended.
                            break;
                        }
                    }
                }
                self.look_again().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    async fn look_again(&self) {
        let looked = match self.ready().await {
            Ok(()) => self.look().await,
            first => first,
        };
        if let Err(error) = looked {
            tracing::warn!(%error, "the signing keys cannot be read at the moment");
        }
    }
}

/// The place that a key's seed is sealed for.
fn place(kid: &str) -> String {
    format!("signing key {kid}")
}
