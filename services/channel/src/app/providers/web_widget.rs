//! The web widget: which pages may use it, its script, sessions and history.

pub(crate) mod admission;
pub(crate) mod history;
pub(crate) mod originals;
pub(crate) mod script;
pub(crate) mod sessions;
