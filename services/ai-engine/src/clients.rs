//! Clients of the systems outside this process: model servers, Chroma, and hosts of model files.

pub(crate) mod bulkhead;
pub mod chat_stream;
pub mod chroma;
mod connection;
pub(crate) mod model_error;
pub(crate) mod model_file;
pub(crate) mod model_servers;
pub mod ollama;
pub(crate) mod openai;
pub(crate) mod vectors;
