//! Ingestion, retrieval and answers.
