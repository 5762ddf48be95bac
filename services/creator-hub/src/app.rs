//! The use cases of this service. Only they begin transactions.

pub(crate) mod collections;
mod document_access;
pub(crate) mod library;
pub(crate) mod privacy;
pub(crate) mod profile;
pub(crate) mod qa_copies;
pub(crate) mod qa_pairs;
pub(crate) mod quotas;
pub(crate) mod search;
pub(crate) mod sites;
pub(crate) mod texts;
pub(crate) mod versions;
