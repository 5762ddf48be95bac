//! Passwords are hashed off the request threads: so many at once, so many waiting, and no more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use shared_config::Secret;
use tokio::sync::Semaphore;

use crate::config::HashingSettings;

/// Hashes that may wait for each one that runs: at the floor's 20 ms a hash, well below a second.
const WAITING_PER_LANE: usize = 32;

/// What a caller is told to wait when too many wait already.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Hashes and verifies passwords. Clones share the bounds.
#[derive(Debug, Clone)]
pub(crate) struct Hashing {
    argon2: Argon2<'static>,
    lanes: Arc<Semaphore>,
    seats: Arc<Semaphore>,
}

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// Too many wait already.
    #[error("too many passwords are being hashed")]
    Busy,
    /// A stored hash is damaged, or the system is.
    #[error("{0}")]
    Failed(String),
}

/// What a comparison says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another password, or nobody's.
    Wrong,
    /// The password. Where its hash was made with other parameters than today's, a new hash.
    Right { rehashed: Option<String> },
}

impl Hashing {
    pub(crate) fn new(settings: HashingSettings) -> Result<Self, argon2::Error> {
        let params = Params::new(settings.memory_kib, settings.iterations, 1, None)?;
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            lanes: Arc::new(Semaphore::new(settings.concurrency)),
            seats: Arc::new(Semaphore::new(
                settings.concurrency * (1 + WAITING_PER_LANE),
            )),
        })
    }

    /// Hashes a new password, in the PHC format.
    pub(crate) async fn hash(&self, password: Secret<String>) -> Result<String, HashError> {
        let argon2 = self.argon2.clone();
        self.run(move || hash(&argon2, password.expose())).await
    }

    /// Compares a password with a stored hash. Where there is none, the same work is done for
    /// nothing: how long an answer takes does not tell who has an account.
    pub(crate) async fn verify(
        &self,
        password: Secret<String>,
        stored: Option<String>,
    ) -> Result<Verdict, HashError> {
        let argon2 = self.argon2.clone();
        self.run(move || match stored {
            Some(stored) => compare(&argon2, password.expose(), &stored),
            None => hash(&argon2, password.expose()).map(|_| Verdict::Wrong),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let seat = Arc::clone(&self.seats)
            .try_acquire_owned()
            .map_err(|_| HashError::Busy)?;
        let lane = Arc::clone(&self.lanes).acquire_owned().await;
        let work = move || {
            let started = Instant::now();
            let result = work();
            // Held until the work is done, also when the caller has gone away.
            drop((seat, lane));
            metrics::histogram!("auth_password_hash_seconds").record(started.elapsed());
            result
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| HashError::Failed(error.to_string()))?
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, HashError> {
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(failed)?;
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let hash = argon2
        .hash_password(password.as_bytes(), &salt)
        .map_err(failed)?;
    Ok(hash.to_string())
}

fn compare(argon2: &Argon2<'_>, password: &str, stored: &str) -> Result<Verdict, HashError> {
    let parsed = PasswordHash::new(stored).map_err(failed)?;
    if parsed.hash.is_none() {
        return Err(failed("a stored hash is incomplete"));
    }
    match argon2.verify_password(password.as_bytes(), &parsed) {
        Ok(()) => {}
        Err(argon2::password_hash::Error::Password) => return Ok(Verdict::Wrong),
        Err(error) => return Err(failed(error)),
    }
    let rehashed = if is_current(argon2, &parsed) {
        None
    } else {
        Some(hash(argon2, password)?)
    };
    Ok(Verdict::Right { rehashed })
}

fn is_current(argon2: &Argon2<'_>, stored: &PasswordHash<'_>) -> bool {
    let today = argon2.params();
    let same = |params: Params| {
        (params.m_cost(), params.t_cost(), params.p_cost())
            == (today.m_cost(), today.t_cost(), today.p_cost())
    };
    stored.algorithm == Algorithm::Argon2id.ident() && Params::try_from(stored).is_ok_and(same)
}

fn failed(error: impl std::fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}

#[cfg(test)]
mod tests;
