//! Every kind that the operator can emit, and the names of objects.

use std::fmt;

macro_rules! kinds {
    ($($name:ident = $api:literal $kind:literal $plural:literal $optional:literal,)*) => {
        /// A kind of object that the operator can emit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = concat!("`", $kind, "` of `", $api, "`")] $name,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Group and version, as in an object's `apiVersion`.
            pub const fn api_version(self) -> &'static str {
                match self {
                    $(Self::$name => $api,)*
                }
            }

            /// The name of the kind, as in an object's `kind`.
            pub const fn kind(self) -> &'static str {
                match self {
                    $(Self::$name => $kind,)*
                }
            }

            /// The name of the resource in URLs.
            pub const fn plural(self) -> &'static str {
                match self {
                    $(Self::$name => $plural,)*
                }
            }

            /// Whether the kind belongs to another product and may be missing.
            pub const fn optional(self) -> bool {
                match self {
                    $(Self::$name => $optional,)*
                }
            }
        }
    };
}

kinds! {
    ServiceAccount = "v1" "ServiceAccount" "serviceaccounts" false,
    Secret = "v1" "Secret" "secrets" false,
    ConfigMap = "v1" "ConfigMap" "configmaps" false,
    Service = "v1" "Service" "services" false,
    PersistentVolumeClaim = "v1" "PersistentVolumeClaim" "persistentvolumeclaims" false,
    StatefulSet = "apps/v1" "StatefulSet" "statefulsets" false,
    Deployment = "apps/v1" "Deployment" "deployments" false,
    Job = "batch/v1" "Job" "jobs" false,
    CronJob = "batch/v1" "CronJob" "cronjobs" false,
    HorizontalPodAutoscaler =
        "autoscaling/v2" "HorizontalPodAutoscaler" "horizontalpodautoscalers" false,
    PodDisruptionBudget = "policy/v1" "PodDisruptionBudget" "poddisruptionbudgets" false,
    NetworkPolicy = "networking.k8s.io/v1" "NetworkPolicy" "networkpolicies" false,
    Ingress = "networking.k8s.io/v1" "Ingress" "ingresses" false,
    ServiceMonitor = "monitoring.coreos.com/v1" "ServiceMonitor" "servicemonitors" true,
    PrometheusRule = "monitoring.coreos.com/v1" "PrometheusRule" "prometheusrules" true,
    HttpRoute = "gateway.networking.k8s.io/v1" "HTTPRoute" "httproutes" true,
    CnpgCluster = "postgresql.cnpg.io/v1" "Cluster" "clusters" true,
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

    /// Whether the kind is a Secret.
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Secret)
    }

    /// Whether objects of the kind run pods at once: these wait for what their part needs. A
    /// `CronJob` does not, since its next run comes later anyway.
    pub const fn runs_pods(self) -> bool {
        matches!(
            self,
            Self::StatefulSet | Self::Deployment | Self::Job | Self::CnpgCluster
        )
    }

    /// Whether pods run without objects of the kind. Such an object keeps nothing waiting, and
    /// goes as soon as the spec no longer includes it: a policy that blocks what the platform
    /// waits for could else never be removed.
    pub const fn is_supplement(self) -> bool {
        matches!(
            self,
            Self::HorizontalPodAutoscaler
                | Self::PodDisruptionBudget
                | Self::NetworkPolicy
                | Self::Ingress
                | Self::HttpRoute
                | Self::ServiceMonitor
                | Self::PrometheusRule
                | Self::CronJob
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
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.kind(), self.name)
    }
}
