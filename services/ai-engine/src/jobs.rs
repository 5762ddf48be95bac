//! Work that runs outside of requests.

pub mod model_pull;
