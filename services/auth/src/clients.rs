//! Clients of systems outside this service, one a file.

pub(crate) mod breached_passwords;
pub(crate) mod smtp;
pub(crate) mod tenant_data;
