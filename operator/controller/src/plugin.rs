//! What the plugin `kubectl creator` does. It acts with the rights of the person who calls it.

use clap::Args;
use kube::api::{Api, ListParams};
use kube::config::{Config, KubeConfigOptions};
use kube::{Client, ResourceExt};
use operator_core::api::CreatorPlatform;

use crate::client::connect;
use crate::command::Error;

pub mod backup;
pub mod plan;
pub mod report;
pub mod restore;
pub mod status;
mod table;

/// Which cluster and namespace, as kubectl's own flags say.
#[derive(Debug, Args)]
pub struct Place {
    /// Namespace of the platform [default: that of the kubeconfig's context].
    #[arg(short, long)]
    namespace: Option<String>,
    /// Context of the kubeconfig to use.
    #[arg(long)]
    context: Option<String>,
}

/// A connection, and the namespace that is meant.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Place {
    /// Connects with the kubeconfig.
    pub(crate) async fn connect(self) -> Result<Cluster, Error> {
        // Only fails when a provider is installed already, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = match self.context {
            None => Config::infer().await?,
            context => {
                let options = KubeConfigOptions {
                    context,
                    ..KubeConfigOptions::default()
                };
                Config::from_kubeconfig(&options).await?
            }
        };
        let default = config.default_namespace.clone();
        let namespace = self.namespace.unwrap_or(default);
        let client = connect(config)?;
        Ok(Cluster { client, namespace })
    }
}

impl Cluster {
    pub(crate) fn platforms(&self) -> Api<CreatorPlatform> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The platform of this name; without a name, the only one of the namespace.
    pub(crate) async fn platform(&self, name: Option<&str>) -> Result<CreatorPlatform, Error> {
        let platforms = self.platforms();
        if let Some(name) = name {
            let found = platforms.get_opt(name).await?;
            return found.ok_or_else(|| self.choose(Some(name), &[]));
        }
        let mut all = platforms.list(&ListParams::default()).await?.items;
        match all.len() {
            1 => Ok(all.remove(0)),
            _ => Err(self.choose(None, &all)),
        }
    }

    fn choose(&self, name: Option<&str>, all: &[CreatorPlatform]) -> Error {
        let namespace = &self.namespace;
        let message = match (name, all) {
            (Some(name), _) => format!(
                "there is no platform {name} in namespace {namespace}; \
                 `kubectl get creatorplatforms -A` lists all"
            ),
            (None, []) => format!(
                "there is no platform in namespace {namespace}; choose another with --namespace"
            ),
            (None, all) => {
                let names: Vec<String> = all.iter().map(ResourceExt::name_any).collect();
                format!(
                    "namespace {namespace} has several platforms; name one of {}",
                    names.join(", ")
                )
            }
        };
        Error::Choice(message)
    }
}
