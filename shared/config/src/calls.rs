//! Which service calls which, and the key of each.

use crate::keys;
use crate::wiring::Service;

/// A service that calls another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The calling service.
    pub caller: Service,
    /// The called service.
    pub target: Service,
    /// The variable with the key that the tokens of these calls are signed with. Only these two
    /// services have it, so that neither can call another in the name of its caller.
    pub key: &'static str,
}

/// All calls between services: a pair that is not listed has no key and cannot call.
pub const CALLS: [Call; 10] = [
    Call::new(
        Service::Auth,
        Service::CreatorHub,
        keys::AUTH_TO_CREATOR_HUB_KEY,
    ),
    Call::new(
        Service::Auth,
        Service::AiEngine,
        keys::AUTH_TO_AI_ENGINE_KEY,
    ),
    Call::new(Service::Auth, Service::Channel, keys::AUTH_TO_CHANNEL_KEY),
    Call::new(
        Service::CreatorHub,
        Service::Auth,
        keys::CREATOR_HUB_TO_AUTH_KEY,
    ),
    Call::new(
        Service::CreatorHub,
        Service::AiEngine,
        keys::CREATOR_HUB_TO_AI_ENGINE_KEY,
    ),
    Call::new(
        Service::AiEngine,
        Service::Auth,
        keys::AI_ENGINE_TO_AUTH_KEY,
    ),
    Call::new(
        Service::AiEngine,
        Service::CreatorHub,
        keys::AI_ENGINE_TO_CREATOR_HUB_KEY,
    ),
    Call::new(Service::Channel, Service::Auth, keys::CHANNEL_TO_AUTH_KEY),
    Call::new(
        Service::Channel,
        Service::CreatorHub,
        keys::CHANNEL_TO_CREATOR_HUB_KEY,
    ),
    Call::new(
        Service::Channel,
        Service::AiEngine,
        keys::CHANNEL_TO_AI_ENGINE_KEY,
    ),
];

impl Call {
    const fn new(caller: Service, target: Service, key: &'static str) -> Self {
        Self {
            caller,
            target,
            key,
        }
    }

    /// The calls that a service makes or answers: those whose keys it has.
    pub fn of(service: Service) -> impl Iterator<Item = Self> {
        CALLS
            .into_iter()
            .filter(move |call| call.caller == service || call.target == service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_has_a_key_of_its_own_that_names_both() {
        let name = |service: Service| service.name().to_uppercase().replace('-', "_");
        for (index, call) in CALLS.iter().enumerate() {
            assert_ne!(call.caller, call.target);
            let named = format!("{}_TO_{}_KEY", name(call.caller), name(call.target));
            assert_eq!(call.key, named);
            let others = CALLS.iter().skip(index + 1);
            assert!(others.into_iter().all(|other| other.key != call.key));
        }
    }
}
