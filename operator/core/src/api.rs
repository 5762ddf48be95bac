//! The custom resources: one file per section of the spec; doc comments become the schema.
#![allow(
    unreachable_pub,
    reason = "KubeSchema copies each struct into a function"
)]

pub mod auth;
pub mod backup;
pub mod bounds;
pub mod condition;
pub mod egress;
pub mod gateway;
pub mod images;
pub mod model_servers;
pub mod ollama;
pub mod platform;
pub mod pods;
pub mod policy;
pub mod postgres;
pub mod quantity;
pub mod retention;
pub mod services;
pub mod status;
pub mod storage;
pub mod stores;
pub mod tenant;
pub mod tenants;
pub mod workload;

pub use condition::{Condition, ConditionStatus};
pub use platform::{CreatorPlatform, CreatorPlatformSpec};
pub use quantity::Quantity;
pub use status::PlatformStatus;
pub use tenant::{Tenant, TenantSpec, TenantStatus};

/// API group of both resources.
pub const GROUP: &str = "creatorplatform.io";
/// The only version so far.
pub const VERSION: &str = "v1alpha1";
