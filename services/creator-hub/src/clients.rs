//! Other systems that this service calls, one file each.

pub(crate) mod ai_engine;
pub(crate) mod extractor;
pub(crate) mod sites;
