//! `operator images`: the images that a platform's pods need, for a mirror of a registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Config, ResourceExt};
use operator_core::plan::{images, labels, plan};
use operator_core::{Observed, resolve};

use super::{Error, plan::listed, plan::read, print};
use crate::client::connect;

/// Arguments of `operator images`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// YAML file that contains a CreatorPlatform.
    #[arg(short, long)]
    file: PathBuf,
    /// Namespace of the platform, if the file does not set one.
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Print two columns: each image, and its name in this registry.
    #[arg(long, value_name = "REGISTRY")]
    mirror: Option<String>,
    /// Print two columns: each image, and the digest that the platform's pods run in the cluster of
    /// the current kubeconfig.
    #[arg(long, conflicts_with = "mirror")]
    digests: bool,
}

/// Prints the images, one in each line.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let mut platform = read(&arguments.file)?;
    let namespace = platform.metadata.namespace;
    platform.metadata.namespace = Some(namespace.unwrap_or(arguments.namespace));
    let observed = Observed::default();
    let resolved = resolve(&platform, &observed).map_err(|bad| Error::Invalid(listed(&bad)))?;
    let wanted = images(&plan(&resolved, &observed));
    if arguments.digests {
        let place = platform.namespace().unwrap_or_default();
        let running = running(&place, &platform.name_any()).await?;
        return print(&with_digests(&wanted, &running));
    }
    print(&wanted.iter().fold(String::new(), |mut text, image| {
        let _ = match &arguments.mirror {
            Some(registry) => writeln!(text, "{image} {}", mirrored(image, registry)),
            None => writeln!(text, "{image}"),
        };
        text
    }))
}

/// The name of an image in another registry: the path stays, the host is replaced. The first part
/// of a name is a host if it has a dot or a port, or is `localhost`, as container engines decide.
fn mirrored(image: &str, registry: &str) -> String {
    let path = match image.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => image,
    };
    format!("{}/{path}", registry.trim_end_matches('/'))
}

/// The digest of each image that the platform's pods run, as the container runtime reports it.
async fn running(namespace: &str, platform: &str) -> Result<BTreeMap<String, String>, Error> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = connect(Config::infer().await?)?;
    let selector = format!("{}={platform}", labels::INSTANCE);
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let pods = pods.list(&ListParams::default().labels(&selector)).await?;
    let mut digests = BTreeMap::new();
    for pod in pods {
        let (Some(spec), Some(status)) = (pod.spec, pod.status) else {
            continue;
        };
        // By the name in the spec: the status has the name that the runtime prefers.
        let containers = spec.containers.into_iter();
        let containers = containers.chain(spec.init_containers.into_iter().flatten());
        let mut reported = status.container_statuses.unwrap_or_default();
        reported.extend(status.init_container_statuses.unwrap_or_default());
        for container in containers {
            let state = reported.iter().find(|state| state.name == container.name);
            if let (Some(image), Some(state)) = (container.image, state)
                && !state.image_id.is_empty()
            {
                digests.insert(image, state.image_id.clone());
            }
        }
    }
    Ok(digests)
}

fn with_digests(wanted: &BTreeSet<String>, running: &BTreeMap<String, String>) -> String {
    wanted.iter().fold(String::new(), |mut text, image| {
        let digest = running.get(image).map_or("not running", String::as_str);
        let _ = writeln!(text, "{image} {digest}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::mirrored;

    #[test]
    fn the_host_of_an_image_is_replaced_and_its_path_stays() {
        for (image, expected) in [
            ("docker.io/library/redis:7", "m.example/x/library/redis:7"),
            ("redis:7", "m.example/x/redis:7"),
            ("ollama/ollama:1", "m.example/x/ollama/ollama:1"),
            ("localhost/auth:1", "m.example/x/auth:1"),
            ("registry:5000/a/b@sha256:0f", "m.example/x/a/b@sha256:0f"),
        ] {
            assert_eq!(mirrored(image, "m.example/x/"), expected);
        }
    }
}
