//! Pure rules: nothing here waits.

pub(crate) mod bounded_list;
pub(crate) mod byte_range;
pub(crate) mod collection;
pub(crate) mod comparison;
pub(crate) mod document;
pub(crate) mod download;
pub(crate) mod extraction;
pub(crate) mod filename;
pub(crate) mod library;
pub(crate) mod processing;
pub(crate) mod profile;
pub(crate) mod qa;
pub(crate) mod saved_profile;
pub(crate) mod site;
