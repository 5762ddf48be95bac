//! Where a sign-in comes from, for limits and for the list of sessions.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use shared_web::ClientIp;

use crate::store::sessions::Device;

/// Longer names of browsers say nothing more.
const USER_AGENT_LENGTH: usize = 400;

impl<S: Send + Sync> FromRequestParts<S> for Device {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let ip = ClientIp::from_request_parts(parts, state).await?;
        let agent = parts.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|value| value.to_str().ok());
        Ok(Self {
            ip,
            user_agent: agent.map(|text| text.chars().take(USER_AGENT_LENGTH).collect()),
        })
    }
}
