//! Migrations, network policies and monitoring.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{self, Span};
use super::pods::JobSettings;

/// How database migrations run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Migrations {
    /// Maximum time that a migration waits for a lock.
    #[serde(default = "ten_seconds")]
    pub lock_timeout: Span,
    /// Maximum duration of one statement; `0s` means no limit.
    #[serde(default = "five_minutes")]
    pub statement_timeout: Span,
    /// Number of retries of the migration Job (`backoffLimit`).
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 10))]
    pub backoff_limit: i32,
    /// Takes a database dump before migrating; requires `postgres.managed.backup`.
    #[serde(default)]
    pub require_backup: bool,
    /// Settings of the migration Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobSettings>,
}

impl Default for Migrations {
    fn default() -> Self {
        Self {
            lock_timeout: ten_seconds(),
            statement_timeout: five_minutes(),
            backoff_limit: three(),
            require_backup: false,
            job: None,
        }
    }
}

/// What happens to what others add to the platform's objects, such as a sidecar or an environment
/// variable that a policy of the cluster adds.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub enum Drift {
    /// It stays, and `status.additions` lists it.
    #[default]
    Tolerate,
    /// It is removed, unless the API server adds it to every write.
    Repair,
}

/// Network policies of the platform's pods.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicies {
    /// Denies all traffic of the platform's pods except the connections that the platform needs.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Default for NetworkPolicies {
    fn default() -> Self {
        Self { enabled: yes() }
    }
}

/// Objects for the Prometheus operator; skipped where its CRDs are not installed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Monitoring {
    /// Creates a `ServiceMonitor` for the four services.
    #[serde(default)]
    pub service_monitor: bool,
    /// Creates a `PrometheusRule` with alerts.
    #[serde(default)]
    pub prometheus_rule: bool,
    /// Labels of these objects, by which Prometheus selects them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::string_map")]
    pub labels: BTreeMap<String, String>,
}

fn ten_seconds() -> Span {
    Span::from("10s")
}

fn five_minutes() -> Span {
    Span::from("5m")
}

const fn three() -> i32 {
    3
}

const fn yes() -> bool {
    true
}
