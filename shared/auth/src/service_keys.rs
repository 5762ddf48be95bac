//! The keys of the calls between services: one for each pair of caller and target.

use std::collections::BTreeMap;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use shared_config::{CALLS, Call, Reader, Secret, Service, keys};

use crate::error::AuthError;

/// The keys that one service has.
#[derive(Debug, Clone, Default)]
pub struct ServiceKeys {
    pairs: BTreeMap<(Service, Service), Secret<String>>,
    /// The key that all services had together before each pair had one.
    former: Option<Secret<String>>,
    accepts_former: bool,
}

impl ServiceKeys {
    /// Reads the keys of the calls that the service makes and answers.
    pub fn from_reader(reader: &mut Reader, service: Service) -> Self {
        let pairs = Call::of(service)
            .map(|call| ((call.caller, call.target), reader.secret(call.key)))
            .collect();
        let has_former = reader.named(keys::INTERNAL_TOKEN_KEY).is_some();
        Self {
            pairs,
            former: has_former.then(|| reader.secret(keys::INTERNAL_TOKEN_KEY)),
            accepts_former: reader.parsed(keys::ACCEPT_INTERNAL_TOKEN_KEY, false),
        }
    }

    /// Keys that are given for every call, as a test does that plays all services.
    pub fn of_calls(key: impl Fn(Call) -> Secret<String>) -> Self {
        let pairs = CALLS.map(|call| ((call.caller, call.target), key(call)));
        Self {
            pairs: pairs.into(),
            ..Self::default()
        }
    }

    /// With the key that all services had together, for calls to and from services of that time.
    #[must_use]
    pub fn with_former(mut self, key: Secret<String>, accepted: bool) -> Self {
        self.former = Some(key);
        self.accepts_former = accepted;
        self
    }

    /// The key that signs the calls of one service to another; none unless they are a pair whose
    /// key this service has.
    pub(crate) fn of_pair(&self, caller: Service, target: Service) -> Option<&[u8]> {
        let key = self.pairs.get(&(caller, target))?;
        Some(key.expose().as_bytes())
    }

    /// The key that services of an earlier version verify calls with.
    pub(crate) fn former(&self) -> Option<&[u8]> {
        Some(self.former.as_ref()?.expose().as_bytes())
    }

    /// The same, while calls of such services are accepted.
    pub(crate) fn accepted_former(&self) -> Option<&[u8]> {
        self.former().filter(|_| self.accepts_former)
    }

    /// A MAC key for another purpose, equal in all replicas of a service. It follows from all keys
    /// that the service calls with: no other service has them all.
    pub(crate) fn derive(
        &self,
        service: Service,
        purpose: &str,
    ) -> Result<Hmac<Sha256>, AuthError> {
        let keyed = |key: &[u8]| Hmac::new_from_slice(key).map_err(AuthError::internal);
        let mut derivation: Hmac<Sha256> = keyed(purpose.as_bytes())?;
        let own = self
            .pairs
            .iter()
            .filter(|((caller, _), _)| *caller == service);
        for ((_, target), key) in own {
            for part in [target.name(), key.expose()] {
                derivation.update(&(part.len() as u64).to_be_bytes());
                derivation.update(part.as_bytes());
            }
        }
        keyed(&derivation.finalize().into_bytes())
    }
}
