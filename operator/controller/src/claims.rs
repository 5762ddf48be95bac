//! Claims of namespaces: operators that were installed separately exclude each other by one lease
//! in each namespace that has a platform or a Tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use kube::Client;
use operator_core::lease::CLAIM;
use tokio::time::sleep;

use crate::fence::ClaimTokens;
use crate::leases::Holding;

/// The name of the lease, the same for every operator.
pub const CLAIM_NAME: &str = "creator-platforms";
/// Between two rounds in which the claims that are due are renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// Every platform and Tenant is reconciled more often than this: a claim that was not used for so
/// long is of a namespace that has neither.
const UNUSED_TTL: Duration = Duration::from_mins(20);
/// Renewals at once.
const CONCURRENCY: usize = 8;

/// Why a namespace is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another operator has it.
    #[error("the operator {0} serves this namespace")]
    Other(String),
    /// The lease could not be read or written.
    #[error("the lease {CLAIM_NAME} of the namespace could not be acquired")]
    Unavailable,
}

/// The claims of one operator.
pub struct Claims {
    client: Client,
    identity: String,
    tokens: ClaimTokens,
    all: Mutex<HashMap<String, Shared>>,
}

type Shared = Arc<tokio::sync::Mutex<Claim>>;

struct Claim {
    lease: Holding,
    used: Instant,
}

impl Claims {
    /// No claims yet. `client` writes only while this process is the leader of its release, which
    /// `identity` names.
    pub fn new(client: Client, identity: String, tokens: ClaimTokens) -> Self {
        Self {
            client,
            identity,
            tokens,
            all: Mutex::default(),
        }
    }

    /// Makes sure that this operator serves a namespace.
    pub async fn acquire(&self, namespace: &str) -> Result<(), Refused> {
        let claim = self.of(namespace);
        let mut claim = claim.lock().await;
        claim.used = Instant::now();
        if claim.lease.holds() || claim.lease.try_once().await {
            return Ok(());
        }
        let other = claim.lease.other_holder().map(str::to_owned);
        Err(other.map_or(Refused::Unavailable, Refused::Other))
    }

    /// Gives a namespace up.
    pub async fn release(&self, namespace: &str) {
        let claim = {
            let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            all.remove(namespace)
        };
        if let Some(claim) = claim {
            claim.lock().await.lease.release().await;
            self.tokens.remove(namespace);
        }
    }

    /// Renews what is claimed, and gives up what is not needed any more.
    pub async fn keep(self: Arc<Self>) {
        loop {
            sleep(RENEW_INTERVAL).await;
            let all: Vec<(String, Shared)> = {
                let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
                let all = all
                    .iter()
                    .map(|(name, one)| (name.clone(), Arc::clone(one)));
                all.collect()
            };
            stream::iter(all)
                .for_each_concurrent(CONCURRENCY, async |(namespace, claim)| {
                    self.renew(&namespace, &claim).await;
                })
                .await;
        }
    }

    async fn renew(&self, namespace: &str, claim: &Shared) {
        let mut claim = claim.lock().await;
        if claim.used.elapsed() < UNUSED_TTL {
            if claim.lease.holds() {
                claim.lease.try_once().await;
            }
            return;
        }
        drop(claim);
        self.release(namespace).await;
    }

    fn of(&self, namespace: &str) -> Shared {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let place = (self.client.clone(), namespace, CLAIM_NAME);
            let token = self.tokens.of(namespace);
            let lease = Holding::new(place, self.identity.clone(), CLAIM, token);
            let used = Instant::now();
            Arc::new(tokio::sync::Mutex::new(Claim { lease, used }))
        };
        Arc::clone(all.entry(namespace.to_owned()).or_insert_with(new))
    }
}
