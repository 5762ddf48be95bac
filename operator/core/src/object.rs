//! Every kind that the operator can emit, and one value for an object of any of them.

use std::fmt;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

macro_rules! kinds {
    (
        typed { $($kind:ident = $api:literal $plural:literal,)* }
        optional {
            $($other:ident = $other_api:literal $other_kind:literal $other_plural:literal,)*
        }
    ) => {
        /// A kind of object that the operator can emit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = concat!("`", stringify!($kind), "`")] $kind,)*
            $(#[doc = concat!("`", $other_kind, "`, where its CRD is installed")] $other,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)* $(Self::$other,)*];

            /// Group and version, as in an object's `apiVersion`.
            pub const fn api_version(self) -> &'static str {
                match self {
                    $(Self::$kind => $api,)*
                    $(Self::$other => $other_api,)*
                }
            }

            /// The name of the kind, as in an object's `kind`.
            pub const fn kind(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                    $(Self::$other => $other_kind,)*
                }
            }

            /// The name of the resource in URLs.
            pub const fn plural(self) -> &'static str {
                match self {
                    $(Self::$kind => $plural,)*
                    $(Self::$other => $other_plural,)*
                }
            }

            /// Whether the kind belongs to another product and may be missing.
            pub const fn optional(self) -> bool {
                match self {
                    $(Self::$kind => false,)*
                    $(Self::$other => true,)*
                }
            }
        }

        /// An object that the operator means to own.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Object {
            $(
                #[doc = concat!("A `", stringify!($kind), "`.")]
                $kind(Box<$kind>),
            )*
            /// An object of another product.
            Unstructured(Kind, Box<ObjectMeta>, Value),
        }

        impl Object {
            /// What the object is and how it is called.
            pub fn key(&self) -> ObjectKey {
                match self {
                    $(Self::$kind(object) => ObjectKey::of(Kind::$kind, &object.metadata),)*
                    Self::Unstructured(kind, metadata, _) => ObjectKey::of(*kind, metadata),
                }
            }

            /// The whole body, as it is applied.
            pub fn body(&self) -> Value {
                let body = match self {
                    $(Self::$kind(object) => serde_json::to_value(object),)*
                    Self::Unstructured(kind, metadata, rest) => {
                        let mut body = rest.clone();
                        body["apiVersion"] = json!(kind.api_version());
                        body["kind"] = json!(kind.kind());
                        serde_json::to_value(metadata).map(|metadata| {
                            body["metadata"] = metadata;
                            body
                        })
                    }
                };
                // These types have string keys only, so serialising them cannot fail.
                body.unwrap_or(Value::Null)
            }

            /// Its metadata.
            pub fn metadata_mut(&mut self) -> &mut ObjectMeta {
                match self {
                    $(Self::$kind(object) => &mut object.metadata,)*
                    Self::Unstructured(_, metadata, _) => metadata,
                }
            }
        }

        $(
            impl From<$kind> for Object {
                fn from(object: $kind) -> Self {
                    Self::$kind(Box::new(object))
                }
            }
        )*
    };
}

kinds! {
    typed {
        ServiceAccount = "v1" "serviceaccounts",
        Secret = "v1" "secrets",
        ConfigMap = "v1" "configmaps",
        Service = "v1" "services",
        PersistentVolumeClaim = "v1" "persistentvolumeclaims",
        StatefulSet = "apps/v1" "statefulsets",
        Deployment = "apps/v1" "deployments",
        Job = "batch/v1" "jobs",
        CronJob = "batch/v1" "cronjobs",
        HorizontalPodAutoscaler = "autoscaling/v2" "horizontalpodautoscalers",
        PodDisruptionBudget = "policy/v1" "poddisruptionbudgets",
        NetworkPolicy = "networking.k8s.io/v1" "networkpolicies",
        Ingress = "networking.k8s.io/v1" "ingresses",
    }
    optional {
        ServiceMonitor = "monitoring.coreos.com/v1" "ServiceMonitor" "servicemonitors",
        PrometheusRule = "monitoring.coreos.com/v1" "PrometheusRule" "prometheusrules",
        HttpRoute = "gateway.networking.k8s.io/v1" "HTTPRoute" "httproutes",
        CnpgCluster = "postgresql.cnpg.io/v1" "Cluster" "clusters",
    }
}

impl Kind {
    /// Whether the plan needs the whole live object in every look: its status, or an amount that
    /// the server or a person may have raised.
    pub const fn needs_body(self) -> bool {
        matches!(
            self,
            Self::StatefulSet
                | Self::Deployment
                | Self::Job
                | Self::PersistentVolumeClaim
                | Self::CnpgCluster
        )
    }
}

/// Names an object of the platform's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl ObjectKey {
    /// The key of that kind and name.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }

    fn of(kind: Kind, metadata: &ObjectMeta) -> Self {
        Self {
            kind,
            name: metadata.name.clone().unwrap_or_default(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.kind(), self.name)
    }
}
