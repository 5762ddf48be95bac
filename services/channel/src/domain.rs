//! Pure rules: who may embed a widget, how it looks, what its tokens and frames say.

pub(crate) mod appearance;
pub(crate) mod frame;
pub(crate) mod frame_budget;
pub(crate) mod origin;
pub(crate) mod sequence;
pub(crate) mod visitor_token;
