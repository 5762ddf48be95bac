//! Clients of the systems outside this process: Ollama, Chroma, and hosts of model files.

pub mod chroma;
pub(crate) mod model_file;
pub mod ollama;
