//! The service against real PostgreSQL, Redis, Chroma and Ollama; a stand-in only breaks things.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at faults")]

mod stand_in;
mod test_answers;
mod test_chroma;
mod test_documents;
mod test_faults;
mod test_generations;
mod test_models;
mod test_ollama;
mod test_openapi;
mod test_readiness;
mod test_search;
mod world;
