//! Pure rules: which pages may embed a widget, its settings, tokens and frames.

pub(crate) mod channel;
pub(crate) mod citations;
pub(crate) mod conversation;
pub(crate) mod frame;
pub(crate) mod frame_budget;
pub(crate) mod origin;
pub(crate) mod reorder_buffer;
pub(crate) mod socket_caps;
pub(crate) mod summary;
pub(crate) mod visitor_token;
pub(crate) mod widget_settings;

/// A stored name that this version does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown name")]
pub(crate) struct UnknownName;
