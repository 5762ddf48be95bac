//! Rules for indexing and search: sections, passages and their ids, embedding models, ranking.

pub(crate) mod calibration;
pub(crate) mod chunk_ids;
pub(crate) mod chunking;
pub(crate) mod document_language;
pub(crate) mod duplicates;
pub(crate) mod embedding_model;
pub(crate) mod fusion;
pub(crate) mod headings;
pub(crate) mod joining;
pub(crate) mod keywords;
pub(crate) mod lines;
pub(crate) mod model_change;
pub(crate) mod packed_vector;
pub(crate) mod postings;
pub(crate) mod scope;
pub(crate) mod sections;
pub(crate) mod word_query;
