//! Hashes passwords off the request threads, with bounded concurrency and a bounded queue, in which
//! networks take turns.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use argon2::password_hash::{Output, ParamsString, PasswordHash, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use shared_config::Secret;
use shared_fair_queue::{QueueLimits, Turns};
use shared_web::ClientIp;

use crate::config::HashingSettings;
use crate::domain::credentials::PasswordText;

/// Queued hashes per running one: at 20 ms a hash (the minimum cost), well below a second.
const MAX_QUEUED_PER_LANE: usize = 32;

/// Those of them that one network may have. A network of which more are queued than of any other
/// makes room for others when the queue is full.
const MAX_QUEUED_PER_NETWORK_AND_LANE: usize = 24;

/// `Retry-After` of a request that finds the queue full.
pub(crate) const BUSY_BACKOFF: Duration = Duration::from_secs(1);

/// Hashes and verifies passwords. Clones share the bounds.
#[derive(Debug, Clone)]
pub(crate) struct PasswordHasher {
    argon2: Argon2<'static>,
    turns: Turns<Requester, ()>,
    memory_pool: Arc<Mutex<Vec<Memory>>>,
}

/// Who has a password hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Requester {
    /// The platform itself.
    Platform,
    /// A client of that network, as rate limits count it.
    Network(IpAddr),
}

impl From<ClientIp> for Requester {
    fn from(ip: ClientIp) -> Self {
        Self::Network(ip.network())
    }
}

/// The working memory of one hash. It is pooled: the allocator would otherwise keep a copy for each
/// thread that has hashed.
type Memory = Vec<Block>;

/// A password was not hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// The queue is full, or has no more room for this network.
    #[error("too many passwords are being hashed")]
    Busy,
    /// A stored hash is damaged, or the system failed.
    #[error("{0}")]
    Failed(String),
}

/// The result of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PasswordCheck {
    Mismatch,
    /// `rehashed` is a new hash when the stored one was made with other parameters than the
    /// current ones, or from another spelling than the prepared one.
    Match {
        rehashed: Option<String>,
    },
}

impl PasswordHasher {
    pub(crate) fn new(settings: HashingSettings) -> Result<Self, argon2::Error> {
        let params = Params::new(settings.memory_kib, settings.iterations, 1, None)?;
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            turns: Turns::new(QueueLimits {
                slots: settings.concurrency,
                queue: settings.concurrency * MAX_QUEUED_PER_LANE,
                queue_per_tenant: settings.concurrency * MAX_QUEUED_PER_NETWORK_AND_LANE,
            }),
            memory_pool: Arc::default(),
        })
    }

    /// Hashes a new password, in the PHC format.
    pub(crate) async fn hash(
        &self,
        requester: impl Into<Requester> + Send,
        password: Secret<String>,
    ) -> Result<String, HashError> {
        let argon2 = self.argon2.clone();
        let work = move |memory: &mut Memory| hash(&argon2, password.expose(), memory);
        self.run(requester.into(), work).await
    }

    /// Compares a password with a stored hash, and then its raw spelling where that differs.
    /// Without a stored hash it does the same work, so that timing does not reveal which accounts
    /// exist.
    pub(crate) async fn verify(
        &self,
        requester: impl Into<Requester> + Send,
        password: PasswordText,
        stored: Option<String>,
    ) -> Result<PasswordCheck, HashError> {
        let argon2 = self.argon2.clone();
        let work = move |memory: &mut Memory| {
            if let Some(stored) = stored {
                return compare_spellings(&argon2, &password, &stored, memory);
            }
            for text in [Some(password.prepared()), password.raw()]
                .into_iter()
                .flatten()
            {
                hash(&argon2, text.expose(), memory)?;
            }
            Ok(PasswordCheck::Mismatch)
        };
        self.run(requester.into(), work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        requester: Requester,
        work: impl FnOnce(&mut Memory) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let entered = self.turns.enter(requester, (), None);
        let entered = entered.map_err(|_| HashError::Busy)?;
        let place = entered.turn().await.map_err(|_| HashError::Busy)?;
        let pool = Arc::clone(&self.memory_pool);
        let task = move || {
            let started = Instant::now();
            let pooled = pool.lock().ok().and_then(|mut memories| memories.pop());
            let mut memory = pooled.unwrap_or_default();
            let result = work(&mut memory);
            if let Ok(mut memories) = pool.lock() {
                memories.push(memory);
            }
            // The place lasts until the hash is computed, even when the caller is gone.
            drop(place);
            metrics::histogram!("auth_password_hash_seconds").record(started.elapsed());
            result
        };
        tokio::task::spawn_blocking(task)
            .await
            .map_err(|error| HashError::Failed(error.to_string()))?
    }
}

fn hash(argon2: &Argon2<'_>, password: &str, memory: &mut Memory) -> Result<String, HashError> {
    let mut salt_bytes = [0_u8; 16];
    getrandom::fill(&mut salt_bytes).map_err(failed)?;
    let salt = SaltString::encode_b64(&salt_bytes).map_err(failed)?;
    let length = Params::DEFAULT_OUTPUT_LEN;
    let output = derive(argon2, password, &salt_bytes, length, memory)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).map_err(failed)?,
        salt: Some(salt.as_salt()),
        hash: Some(output),
    };
    Ok(phc.to_string())
}

fn compare_spellings(
    argon2: &Argon2<'_>,
    password: &PasswordText,
    stored: &str,
    memory: &mut Memory,
) -> Result<PasswordCheck, HashError> {
    let prepared = password.prepared().expose();
    let check = compare(argon2, prepared, stored, memory)?;
    let (PasswordCheck::Mismatch, Some(raw)) = (&check, password.raw()) else {
        return Ok(check);
    };
    if compare(argon2, raw.expose(), stored, memory)? == PasswordCheck::Mismatch {
        return Ok(PasswordCheck::Mismatch);
    }
    // The hash of an earlier version: from now on every spelling of the password matches.
    let rehashed = Some(hash(argon2, prepared, memory)?);
    Ok(PasswordCheck::Match { rehashed })
}

fn compare(
    argon2: &Argon2<'_>,
    password: &str,
    stored: &str,
    memory: &mut Memory,
) -> Result<PasswordCheck, HashError> {
    let parsed = PasswordHash::new(stored).map_err(failed)?;
    let (Some(encoded_salt), Some(expected)) = (parsed.salt, parsed.hash) else {
        return Err(failed("a stored hash is incomplete"));
    };
    let mut buffer = [0_u8; Salt::MAX_LENGTH];
    let salt = encoded_salt.decode_b64(&mut buffer).map_err(failed)?;
    let algorithm = Algorithm::try_from(parsed.algorithm).map_err(failed)?;
    let version = parsed.version.map_or(Ok(Version::V0x13), Version::try_from);
    let params = Params::try_from(&parsed).map_err(failed)?;
    let stored_argon2 = Argon2::new(algorithm, version.map_err(failed)?, params);
    // Outputs compare in constant time.
    if derive(&stored_argon2, password, salt, expected.len(), memory)? != expected {
        return Ok(PasswordCheck::Mismatch);
    }
    let rehashed = if is_current(argon2, &parsed) {
        None
    } else {
        Some(hash(argon2, password, memory)?)
    };
    Ok(PasswordCheck::Match { rehashed })
}

fn derive(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &[u8],
    length: usize,
    memory: &mut Memory,
) -> Result<Output, HashError> {
    let blocks = argon2.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let derived = Output::init_with(length, |output| {
        let password = password.as_bytes();
        Ok(argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..])?)
    });
    derived.map_err(failed)
}

fn is_current(argon2: &Argon2<'_>, stored: &PasswordHash<'_>) -> bool {
    let current = argon2.params();
    let same = |params: Params| {
        (params.m_cost(), params.t_cost(), params.p_cost())
            == (current.m_cost(), current.t_cost(), current.p_cost())
    };
    stored.algorithm == Algorithm::Argon2id.ident() && Params::try_from(stored).is_ok_and(same)
}

fn failed(error: impl std::fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}

#[cfg(test)]
mod tests;
