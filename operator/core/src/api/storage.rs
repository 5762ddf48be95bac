//! Size and storage class of volumes.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::quantity::Quantity;

/// A persistent volume.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("isQuantity(self.size) && \
        quantity(self.size).isGreaterThan(quantity('0'))")
        .message("size must be a quantity greater than zero, such as 10Gi")
)]
pub struct Storage {
    /// Size of the volume. A volume can grow where its storage class allows expansion; it never
    /// shrinks. `status.volumes` shows the size that it has.
    pub size: Quantity,
    /// Name of the storage class. Defaults to the cluster's default class. A volume
    /// that exists keeps its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = super::bounds::OBJECT_NAME))]
    pub class_name: Option<String>,
}

impl Storage {
    /// A volume of the cluster's default class.
    pub fn of(size: &str) -> Self {
        Self {
            size: Quantity::from(size),
            class_name: None,
        }
    }
}
