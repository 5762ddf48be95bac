//! The operator's edge: the only part that talks to Kubernetes.

pub mod api;
pub mod apply;
pub mod backoff;
pub mod claims;
pub mod client;
pub mod command;
pub mod context;
pub mod controller;
pub mod error;
pub mod fence;
pub mod leadership;
pub mod leases;
pub mod memory;
pub mod observe;
pub mod plugin;
pub mod random;
pub mod reconcile;
pub mod report;
pub mod scope;
pub mod seen;
pub mod server;
pub mod telemetry;
pub mod tenant;
pub mod watch;
