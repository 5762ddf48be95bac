//! Pure rules: nothing here waits.

pub(crate) mod content;
pub(crate) mod document;
pub(crate) mod entity_tag;
pub(crate) mod job;
pub(crate) mod listed;
pub(crate) mod profile;
pub(crate) mod text;
