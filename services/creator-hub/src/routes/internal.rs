//! Endpoints for other services; the gateway does not route them.

pub(crate) mod originals;
pub(crate) mod tenant_data;
pub(crate) mod texts;
