//! The keys of the calls between the services of a test.

use shared_auth::ServiceKeys;
use shared_config::{Call, Secret, Service};

/// The variables with the keys that a service has, as the operator would set them.
pub fn service_keys(service: Service) -> impl Iterator<Item = (&'static str, String)> {
    Call::of(service).map(|call| (call.key, key(call)))
}

/// The same keys of all services, for a test that plays several of them.
pub fn all_service_keys() -> ServiceKeys {
    ServiceKeys::of_calls(|call| Secret::new(key(call)))
}

fn key(call: Call) -> String {
    format!("known-to-every-test-{}", call.key.to_lowercase())
}
