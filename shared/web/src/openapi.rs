//! The OpenAPI document of a service, made from its handlers.

pub(crate) mod complete;
pub mod routes;
