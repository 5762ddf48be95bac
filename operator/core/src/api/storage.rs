//! Size and storage class of volumes.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::quantity::Quantity;

/// A persistent volume.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!isQuantity(oldSelf.size) || \
        quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0")
        .message("storage size cannot shrink: restore a backup into a new platform instead"),
    validation = Rule::new("has(self.className) == has(oldSelf.className) && \
        (!has(self.className) || self.className == oldSelf.className)")
        .message("the storage class cannot change once the volume exists"),
    validation = Rule::new("isQuantity(self.size) && \
        quantity(self.size).isGreaterThan(quantity('0'))")
        .message("size must be a quantity greater than zero, such as 10Gi")
)]
pub struct Storage {
    /// Size of the volume. It can be increased later, but not decreased.
    pub size: Quantity,
    /// Name of the storage class. Defaults to the cluster's default class. Immutable.
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
