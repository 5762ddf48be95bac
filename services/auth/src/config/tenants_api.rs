//! The listener of the tenants API.

use std::net::SocketAddr;

use shared_config::{Reader, Secret, keys, wiring};
use shared_web::listen::every_address;

/// Settings of the tenants API.
#[derive(Debug, Clone)]
pub struct TenantsApiSettings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The bearer token of the operator.
    pub token: Secret<String>,
}

impl TenantsApiSettings {
    /// Reads the settings; without a token the API is not served.
    pub(super) fn from_reader(reader: &mut Reader) -> Option<Self> {
        let default = every_address(wiring::AUTH_INTERNAL_PORT);
        let listen = reader.parsed(keys::INTERNAL_LISTEN_ADDR, default);
        if reader.optional(keys::PROVISIONING_TOKEN, "").is_empty() {
            return None;
        }
        let token = reader.secret(keys::PROVISIONING_TOKEN);
        Some(Self { listen, token })
    }
}
