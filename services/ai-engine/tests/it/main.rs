//! The service against real PostgreSQL, Redis, Chroma and Ollama; a fake Ollama injects faults.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing test panics")]

mod fake_hub;
mod fake_ollama;
mod faulty_server;
mod test_access;
mod test_answers;
mod test_app;
mod test_calibration;
mod test_chroma;
mod test_conversation;
mod test_documents;
mod test_exact_search;
mod test_fairness;
mod test_faults;
mod test_generations;
mod test_index_job;
mod test_ingest_request;
mod test_model_faults;
mod test_model_servers;
mod test_models;
mod test_ollama;
mod test_openapi;
mod test_qa_pairs;
mod test_readiness;
mod test_reembedding;
mod test_resumed_answers;
mod test_search;
mod test_settings;
mod test_word_index;
mod tls_server;
