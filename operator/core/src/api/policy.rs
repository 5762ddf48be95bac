//! Migrations, network policies and monitoring.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{self, Span};

/// How migrations run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Migrations {
    /// Longest wait for a lock.
    #[serde(default = "ten_seconds")]
    pub lock_timeout: Span,
    /// Longest statement; `0s` is no limit.
    #[serde(default = "five_minutes")]
    pub statement_timeout: Span,
    /// Attempts of the Job after the first.
    #[serde(default = "three")]
    #[schemars(range(min = 0, max = 10))]
    pub backoff_limit: i32,
    /// Takes a dump first; needs `postgres.managed.backup`.
    #[serde(default)]
    pub require_backup: bool,
}

impl Default for Migrations {
    fn default() -> Self {
        Self {
            lock_timeout: ten_seconds(),
            statement_timeout: five_minutes(),
            backoff_limit: three(),
            require_backup: false,
        }
    }
}

/// Who may talk to whom inside the platform.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicies {
    /// Default deny for the platform's pods, and an allowance for each known connection.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Default for NetworkPolicies {
    fn default() -> Self {
        Self { enabled: yes() }
    }
}

/// Objects of the Prometheus operator; left out where its CRDs are missing.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Monitoring {
    /// A `ServiceMonitor` of the four services.
    #[serde(default)]
    pub service_monitor: bool,
    /// A `PrometheusRule` with alerts.
    #[serde(default)]
    pub prometheus_rule: bool,
    /// Labels by which Prometheus picks these objects.
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
