//! The objects that a platform consists of, before anything is compared.

use crate::component::Component;
use crate::object::ObjectKey;
use crate::observed::Observed;
use crate::plan::{Desired, StageName};
use crate::resolve::Resolved;

/// An object of a stage.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) stage: StageName,
    pub(crate) component: Component,
    pub(crate) key: ObjectKey,
    pub(crate) desired: Desired,
}

/// Every object of the platform.
pub(crate) fn all(_resolved: &Resolved, _observed: &Observed) -> Vec<Draft> {
    Vec::new()
}
