//! Endpoints for other services. Their extractor says which service may call.

pub(super) mod documents;
pub(super) mod qa_pairs;
pub(super) mod tenant_data;
