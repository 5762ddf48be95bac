//! The operator's pure half: types, resolve, plan, status. No client, no clock, no async.

pub mod api;
pub mod backoff;
pub mod component;
pub mod crds;
pub mod hash;
pub mod lease;
pub mod object;
pub mod observed;
pub mod plan;
pub mod reason;
pub mod reference;
pub mod resolve;
pub mod rollout;
pub mod status;
pub mod store_version;
pub mod tenant;
pub mod words;

pub use crds::{crds, crds_yaml};
pub use observed::Observed;
pub use plan::{Plan, plan};
pub use reason::Reason;
pub use resolve::{Invalid, Resolved, resolve};
