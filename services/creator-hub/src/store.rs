//! Rows and statements, one table a file.

pub(crate) mod artefacts;
pub(crate) mod collections;
pub(crate) mod document_access;
pub(crate) mod document_versions;
pub(crate) mod documents;
pub(crate) mod profiles;
pub(crate) mod qa_pairs;
pub(crate) mod site_pages;
pub(crate) mod sites;
