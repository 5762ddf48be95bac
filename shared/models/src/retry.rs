//! Whether failed work may succeed when it is tried again: one enum at both ends of a hop.

use serde::{Deserialize, Serialize};

/// The retry class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request fails again: the input is wrong or the caller is not allowed.
    Never,
    /// Another attempt may succeed; attempts are counted and end.
    Limited,
    /// A dependency is unavailable; attempts do not count towards the last one.
    UntilAvailable,
}
