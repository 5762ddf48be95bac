//! The gateway: the entry point of the platform.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared_config::limits;

use super::bounds;
use super::quantity::Quantity;
use super::workload::Resources;

/// Type of the gateway's Service.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ServiceType {
    /// Reachable inside the cluster only.
    #[default]
    ClusterIP,
    /// Reachable at a port of every node.
    NodePort,
    /// Reachable through a load balancer of the cloud provider.
    LoadBalancer,
}

impl ServiceType {
    /// The value of the field in Kubernetes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

/// The gateway: nginx in front of the four services.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.ingress) || has(self.hostname)")
        .message("ingress requires hostname"),
    validation = Rule::new("!has(self.nodePort) || self.serviceType != 'ClusterIP'")
        .message("nodePort requires serviceType NodePort or LoadBalancer"),
    validation = Rule::new("!has(self.hostname) || !isIP(self.hostname) || \
        !(has(self.ingress) || has(self.httpRoute))")
        .message("hostname must be a DNS name, not an IP address, with ingress or httpRoute")
)]
pub struct Gateway {
    /// Host name under which browsers reach the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::HOSTNAME))]
    pub hostname: Option<String>,
    /// Public base URL, used in links and in the widget's embed snippet. Defaults to a URL derived
    /// from hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 300), regex(pattern = bounds::BASE_URL))]
    pub public_url: Option<String>,
    /// Number of replicas of the gateway.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 50))]
    pub replicas: i32,
    /// Compute resources of the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Overrides of the pod template, with the same bounds as those of services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::free_form")]
    pub pod_template: Option<Map<String, Value>>,
    /// Type of the gateway's Service.
    #[serde(default)]
    pub service_type: ServiceType,
    /// Node port of the Service, for types `NodePort` and `LoadBalancer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 30000, max = 32767))]
    pub node_port: Option<i32>,
    /// Creates an `Ingress` for the gateway; requires hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Creates an `HTTPRoute` of the Gateway API for the gateway, if that CRD is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_route: Option<HttpRoute>,
    /// Rate and size limits of requests.
    #[serde(default)]
    pub limits: Limits,
    /// Origins that may call the APIs from a browser (CORS), in addition to the platform's own, as
    /// browsers send them: in lower case, without a default port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 300), regex(pattern = bounds::ORIGIN)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(o, !(o.startsWith('https://') && o.endsWith(':443')) && \
            !(o.startsWith('http://') && o.endsWith(':80')))")
            .message("corsOrigins must not have the default port, which browsers leave out: \
                write https://app.example.com")
    )]
    pub cors_origins: Vec<String>,
    /// IP ranges of proxies that are trusted to set `X-Forwarded-For` and `X-Forwarded-Proto`.
    /// Without those of the ingress, all visitors count as one address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 50), regex(pattern = bounds::IP_RANGE)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(p, isIP(p) || isCIDR(p))")
            .message("each of trustedProxies must be an IP address, or a range such as \
                10.0.0.0/8")
    )]
    pub trusted_proxies: Vec<String>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            hostname: None,
            public_url: None,
            replicas: two(),
            resources: None,
            pod_template: None,
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

/// An `Ingress` for the gateway.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// Name of the ingress class. Defaults to the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub class_name: Option<String>,
    /// TLS certificate of the hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Annotations of the Ingress, for its controller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::string_map")]
    pub annotations: BTreeMap<String, String>,
}

/// TLS certificate of the hostname.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Name of a Secret of type `kubernetes.io/tls`.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub secret_name: String,
}

/// An `HTTPRoute` of the Gateway API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HttpRoute {
    /// Gateways that the route attaches to.
    #[schemars(length(min = 1, max = 8))]
    pub parent_refs: Vec<ParentRef>,
}

/// A reference to a `Gateway` of the Gateway API.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Name of the Gateway.
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub name: String,
    /// Namespace of the Gateway. Defaults to the platform's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = bounds::LABEL))]
    pub namespace: Option<String>,
    /// Name of a listener of the Gateway. Defaults to all of its listeners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub section_name: Option<String>,
}

/// Limits per client address and per request. An IPv6 address counts as its /64; each replica of
/// the gateway counts separately.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.socketsPerAddress <= self.connectionsPerAddress")
        .message("socketsPerAddress must not be greater than connectionsPerAddress"),
    validation = Rule::new("self.socketsPerAddress <= self.sockets")
        .message("socketsPerAddress must not be greater than sockets")
)]
pub struct Limits {
    /// Requests per second of one client address.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 10000))]
    pub requests_per_second: i32,
    /// Requests that one client address may send in a burst above that rate.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 10000))]
    pub burst: i32,
    /// Concurrent requests of one client address.
    #[serde(default = "connections_per_address")]
    #[schemars(range(min = 1, max = 10000))]
    pub connections_per_address: i32,
    /// Open WebSocket connections and event streams of one client address.
    #[serde(default = "sockets_per_address")]
    #[schemars(range(min = 1, max = 10000))]
    pub sockets_per_address: i32,
    /// Open WebSocket connections and event streams of one gateway replica; connections of other
    /// requests are not counted. A channel process accepts three quarters as many.
    #[serde(default = "sockets")]
    #[schemars(range(min = 16, max = 10000))]
    pub sockets: i32,
    /// Maximum size of a request body.
    #[serde(default = "one_mebibyte")]
    pub body_size: Quantity,
    /// Maximum size of an uploaded document.
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
