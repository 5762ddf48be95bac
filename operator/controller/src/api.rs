//! Kinds of the pure side as the API server knows them.

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, PartialObjectMeta};
use operator_core::object::Kind;
use operator_core::plan::labels;

/// Objects of a kind in a namespace, whole.
pub fn objects(client: &Client, namespace: &str, kind: Kind) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(kind))
}

/// Objects of a kind, their metadata alone; everywhere without a namespace.
pub fn metadata(
    client: &Client,
    namespace: Option<&str>,
    kind: Kind,
) -> Api<PartialObjectMeta<DynamicObject>> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource(kind)),
        None => Api::all_with(client.clone(), &resource(kind)),
    }
}

/// Selects everything that an operator made, of all platforms.
pub fn ours() -> String {
    format!("{}={}", labels::MANAGED_BY, labels::MANAGER)
}

/// Where the API server serves a kind.
pub fn resource(kind: Kind) -> ApiResource {
    let api_version = kind.api_version();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.kind().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

/// Whether the API server serves a kind: an optional one only where its CRD is installed.
pub async fn serves(client: &Client, kind: Kind) -> Result<bool, kube::Error> {
    match client.list_api_group_resources(kind.api_version()).await {
        Ok(list) => Ok(list
            .resources
            .iter()
            .any(|resource| resource.kind == kind.kind())),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}
