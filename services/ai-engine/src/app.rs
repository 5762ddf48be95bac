//! Use cases: indexing and search, answers and their settings, models, and the data of a tenant.

pub(crate) mod answer;
pub(crate) mod index;
pub(crate) mod models;
pub(crate) mod qa;
pub(crate) mod settings;
pub(crate) mod tenant_data;
