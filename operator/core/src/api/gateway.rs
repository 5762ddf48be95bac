//! The gateway: the one door of the platform.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared_config::limits;

use super::bounds;
use super::quantity::Quantity;
use super::workload::Resources;

/// Type of the gateway's Service.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ServiceType {
    /// Inside the cluster.
    #[default]
    ClusterIP,
    /// A port of every node.
    NodePort,
    /// A load balancer of the cloud.
    LoadBalancer,
}

impl ServiceType {
    /// The word that Kubernetes reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

/// The nginx in front of the four services.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.ingress) || has(self.hostname)")
        .message("an ingress needs hostname"),
    validation = Rule::new("!has(self.nodePort) || self.serviceType != 'ClusterIP'")
        .message("nodePort needs serviceType NodePort or LoadBalancer")
)]
pub struct Gateway {
    /// Name under which browsers reach the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::HOSTNAME))]
    pub hostname: Option<String>,
    /// Address that links and the embed snippet carry; made from hostname when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 300), regex(pattern = bounds::BASE_URL))]
    pub public_url: Option<String>,
    /// Number of replicas.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 50))]
    pub replicas: i32,
    /// CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Type of the Service.
    #[serde(default)]
    pub service_type: ServiceType,
    /// Port of the nodes, for types `NodePort` and `LoadBalancer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 30000, max = 32767))]
    pub node_port: Option<i32>,
    /// An `Ingress` in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// A route of the Gateway API in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_route: Option<HttpRoute>,
    /// Bounds on what comes in.
    #[serde(default)]
    pub limits: Limits,
    /// Origins, beside the platform's own, whose pages may call the APIs from a browser.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 300), regex(pattern = bounds::ORIGIN)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 50), regex(pattern = bounds::IP_RANGE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub trusted_proxies: Vec<String>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            hostname: None,
            public_url: None,
            replicas: two(),
            resources: None,
            service_type: ServiceType::default(),
            node_port: None,
            ingress: None,
            http_route: None,
            limits: Limits::default(),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

/// An `Ingress` that leads to the gateway.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// Class of the controller; the cluster's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub class_name: Option<String>,
    /// Certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Annotations for the controller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::string_map")]
    pub annotations: BTreeMap<String, String>,
}

/// The certificate of the hostname.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Secret of type `kubernetes.io/tls`.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub secret_name: String,
}

/// A route of the Gateway API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HttpRoute {
    /// Gateways that take the route in.
    #[schemars(length(min = 1, max = 8))]
    pub parent_refs: Vec<ParentRef>,
}

/// A `Gateway` of the Gateway API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub name: String,
    /// Its namespace; the platform's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = bounds::LABEL))]
    pub namespace: Option<String>,
    /// One listener of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub section_name: Option<String>,
}

/// Bounds per address and request. An IPv6 address counts as its /64; each replica of the gateway
/// counts by itself.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.socketsPerAddress <= self.connectionsPerAddress")
        .message("socketsPerAddress must not be greater than connectionsPerAddress"),
    validation = Rule::new("self.socketsPerAddress <= self.sockets")
        .message("socketsPerAddress must not be greater than sockets")
)]
pub struct Limits {
    /// Requests per second of one address.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 10000))]
    pub requests_per_second: i32,
    /// Requests of one address that may come at once on top.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 10000))]
    pub burst: i32,
    /// Requests of one address that are served at the same time.
    #[serde(default = "connections_per_address")]
    #[schemars(range(min = 1, max = 10000))]
    pub connections_per_address: i32,
    /// WebSocket connections and event streams that one address may hold open.
    #[serde(default = "sockets_per_address")]
    #[schemars(range(min = 1, max = 10000))]
    pub sockets_per_address: i32,
    /// WebSocket connections and event streams that one replica of the gateway holds open; the
    /// connections of ordinary requests come on top. A process of channel accepts three quarters
    /// as many.
    #[serde(default = "sockets")]
    #[schemars(range(min = 16, max = 10000))]
    pub sockets: i32,
    /// Largest body of a request.
    #[serde(default = "one_mebibyte")]
    pub body_size: Quantity,
    /// Largest upload to creator-hub.
    #[serde(default = "fifty_mebibytes")]
    pub upload_size: Quantity,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: fifty(),
            burst: hundred(),
            connections_per_address: connections_per_address(),
            sockets_per_address: sockets_per_address(),
            sockets: sockets(),
            body_size: one_mebibyte(),
            upload_size: fifty_mebibytes(),
        }
    }
}

fn one_mebibyte() -> Quantity {
    Quantity::from("1Mi")
}

fn fifty_mebibytes() -> Quantity {
    Quantity::from("50Mi")
}

const fn connections_per_address() -> i32 {
    limits::CONNECTIONS_PER_ADDRESS
}

const fn sockets_per_address() -> i32 {
    limits::SOCKETS_PER_ADDRESS
}

const fn sockets() -> i32 {
    limits::SOCKETS_PER_GATEWAY
}

const fn two() -> i32 {
    2
}

const fn fifty() -> i32 {
    50
}

const fn hundred() -> i32 {
    100
}
