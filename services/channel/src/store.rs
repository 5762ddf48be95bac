//! Rows and statements, one table a file.

pub(crate) mod channels;
pub(crate) mod conversations;
pub(crate) mod messages;
pub(crate) mod tenants;
