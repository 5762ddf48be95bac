//! Samples as platforms, and what every test starts from.

use std::path::{Path, PathBuf};

use operator_core::api::CreatorPlatform;
use operator_core::{Observed, Resolved, resolve};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Names of all samples that are platforms.
pub(crate) const SAMPLES: [&str; 9] = [
    "minimal",
    "docker-free",
    "full",
    "external",
    "cloudnative-pg",
    "suspended",
    "model-servers",
    "backup",
    "restore",
];

/// A sample, as the API server would hand it out.
pub(crate) fn sample(name: &str) -> CreatorPlatform {
    let path = root().join(format!("crds/samples/{name}.yaml"));
    let text = std::fs::read_to_string(&path).expect("the sample exists");
    let mut platform: CreatorPlatform = serde_yaml_ng::from_str(&text).expect("a platform");
    platform.metadata.uid = Some("11111111-2222-3333-4444-555555555555".to_owned());
    platform.metadata.generation = Some(1);
    platform
        .metadata
        .namespace
        .get_or_insert_with(|| "default".to_owned());
    platform
}

/// A platform that must be valid.
pub(crate) fn resolved(platform: &CreatorPlatform) -> Resolved {
    resolve(platform, &Observed::default()).expect("a valid platform")
}
