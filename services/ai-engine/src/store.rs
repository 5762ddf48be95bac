//! SQL and row types, one table a file.

pub(crate) mod answer_settings;
pub(crate) mod chunks;
pub(crate) mod disclosures;
pub(crate) mod document_access;
pub(crate) mod document_vectors;
pub(crate) mod generations;
pub(crate) mod indexed_documents;
pub(crate) mod postings;
pub(crate) mod qa_pairs;
pub(crate) mod qa_vectors;
pub(crate) mod vector_models;
