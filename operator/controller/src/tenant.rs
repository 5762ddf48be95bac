//! The Tenant controller: looks like the platform's, and talks to auth besides Kubernetes.

mod apply;
pub mod auth;
pub mod census;
pub mod controller;
pub mod directory;
mod observe;
mod reconcile;
mod report;
mod roll;
mod tenant_index;

pub use auth::AuthApi;
pub use census::Census;
pub use directory::{Directory, TenantName};
pub use roll::Place;
