//! `spec.egress`: where the platform may connect to when a creator names the host.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::bounds;

/// Where the platform may connect to when a creator names the host, as for sites: the public
/// internet on ports 80 and 443, and these networks.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Egress {
    /// Networks outside of the public internet, such as `10.20.0.0/16`, that sites of creators may
    /// be in, on any port. Every creator of the platform can read what answers HTTP there.
    /// Link-local, metadata, multicast and unspecified addresses are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 50), regex(pattern = bounds::NETWORK)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(n, isCIDR(n))")
            .message("each of allowedNetworks must be a range such as 10.20.0.0/16")
    )]
    pub allowed_networks: Vec<String>,
}
