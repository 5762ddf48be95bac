//! Extracts the device of a sign-in from the request.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use shared_web::ClientIp;

use crate::domain::device::Device;

/// Longer user agents are truncated.
const MAX_USER_AGENT_LENGTH: usize = 400;

impl<S: Send + Sync> FromRequestParts<S> for Device {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let ip = ClientIp::from_request_parts(parts, state).await?;
        let header = parts.headers.get(header::USER_AGENT);
        let text = header.and_then(|value| value.to_str().ok());
        Ok(Self {
            ip,
            user_agent: text.map(|text| text.chars().take(MAX_USER_AGENT_LENGTH).collect()),
        })
    }
}
