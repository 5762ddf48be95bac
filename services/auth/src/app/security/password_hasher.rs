//! Passwords are hashed off the request threads: so many at once, so many waiting, and no more.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use argon2::password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
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
    memories: Arc<Mutex<Vec<Memory>>>,
}

/// The working memory of one hash. It is used again: freed, it would stay with the allocator once
/// for every thread that ever hashed.
type Memory = Vec<Block>;

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
            memories: Arc::default(),
        })
    }

    /// Hashes a new password, in the PHC format.
    pub(crate) async fn hash(&self, password: Secret<String>) -> Result<String, HashError> {
        let argon2 = self.argon2.clone();
        self.run(move |memory| hash(&argon2, password.expose(), memory))
            .await
    }

    /// Compares a password with a stored hash. Where there is none, the same work is done for
    /// nothing: how long an answer takes does not tell who has an account.
    pub(crate) async fn verify(
        &self,
        password: Secret<String>,
        stored: Option<String>,
    ) -> Result<Verdict, HashError> {
        let argon2 = self.argon2.clone();
        self.run(move |memory| match stored {
            Some(stored) => compare(&argon2, password.expose(), &stored, memory),
            None => hash(&argon2, password.expose(), memory).map(|_| Verdict::Wrong),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let seat = Arc::clone(&self.seats)
            .try_acquire_owned()
            .map_err(|_| HashError::Busy)?;
        let lane = Arc::clone(&self.lanes).acquire_owned().await;
        let memories = Arc::clone(&self.memories);
        let work = move || {
            let started = Instant::now();
            let kept = memories.lock().ok().and_then(|mut kept| kept.pop());
            let mut memory = kept.unwrap_or_default();
            let result = work(&mut memory);
            if let Ok(mut kept) = memories.lock() {
                kept.push(memory);
            }
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

fn hash(argon2: &Argon2<'_>, password: &str, memory: &mut Memory) -> Result<String, HashError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(failed)?;
    let salt = SaltString::encode_b64(&bytes).map_err(failed)?;
    let output = derive(argon2, password, &bytes, Params::DEFAULT_OUTPUT_LEN, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).map_err(failed)?,
        salt: Some(salt.as_salt()),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn compare(
    argon2: &Argon2<'_>,
    password: &str,
    stored: &str,
    memory: &mut Memory,
) -> Result<Verdict, HashError> {
    let stored = PasswordHash::new(stored).map_err(failed)?;
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Err(failed("a stored hash is incomplete"));
    };
    let mut buffer = [0_u8; Salt::MAX_LENGTH];
    let salt = salt.decode_b64(&mut buffer).map_err(failed)?;
    let algorithm = Algorithm::try_from(stored.algorithm).map_err(failed)?;
    let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from);
    let params = Params::try_from(&stored).map_err(failed)?;
    let then = Argon2::new(algorithm, version.map_err(failed)?, params);
    // Outputs compare in constant time.
    if derive(&then, password, salt, expected.len(), memory)? != expected {
        return Ok(Verdict::Wrong);
    }
    let rehashed = if is_current(argon2, &stored) {
        None
    } else {
        Some(hash(argon2, password, memory)?)
    };
    Ok(Verdict::Right { rehashed })
}

fn derive(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &[u8],
    length: usize,
    memory: &mut Memory,
) -> Result<Output, HashError> {
    let needed = argon2.params().block_count();
    if memory.len() < needed {
        memory.resize(needed, Block::default());
    }
    let derived = Output::init_with(length, |output| {
        let password = password.as_bytes();
        Ok(argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..])?)
    });
    derived.map_err(failed)
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
