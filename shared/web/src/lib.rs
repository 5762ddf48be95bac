#![doc = include_str!("../README.md")]

pub mod app;
pub mod auth;
pub mod body;
pub mod client_ip;
pub mod cors;
mod documented;
pub mod endpoints;
pub mod error;
pub mod health;
pub mod healthcheck;
pub mod idempotency;
pub mod limit;
pub mod method;
pub mod outbound;
pub mod paging;
pub mod request;
pub mod serve;
pub mod telemetry;
pub mod tenant_data;
pub mod token;

pub use auth::{Creator, Permit, Revocations, Subject, Verifier, VerifierSettings, permit};
pub use body::{Body, Id, Query};
pub use client_ip::ClientIp;
pub use endpoints::Endpoints;
pub use error::{ApiError, FieldError, Problem};
pub use health::Checks;
pub use idempotency::{IdempotencyHeader, IdempotencyKey, Idempotent, Keyed};
pub use limit::Limiter;
pub use paging::Paging;
