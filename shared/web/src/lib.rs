#![doc = include_str!("../README.md")]

pub mod access_log;
pub mod app;
pub mod auth;
pub mod body;
pub mod client_ip;
pub mod cors;
pub mod error;
pub mod health;
pub mod healthcheck;
pub mod idempotency;
mod lifetime;
pub mod listen;
pub mod method;
pub mod openapi;
pub mod paging;
pub mod rate_limit;
pub mod serve;
pub mod service;
pub mod telemetry;
pub mod tenant_data;

pub use auth::{Caller, Permit, ServiceCall, called_by, permit};
pub use body::{Body, Id, Query};
pub use client_ip::{ClientIp, TrustedProxies};
pub use error::{ApiError, FieldError, Problem};
pub use health::Checks;
pub use idempotency::{Created, IdempotencyHeader, IdempotencyKey, Idempotent, Keyed, Once};
pub use openapi::routes::Endpoints;
pub use paging::Paging;
pub use rate_limit::Limiter;
