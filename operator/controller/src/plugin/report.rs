//! `kubectl creator report`: what a support request needs, in a folder.
//!
//! No Secret is read. What a spec says of itself is there in full, so the folder is to be read
//! before it is sent.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams, LogParams, TypeMeta};
use operator_core::api::Tenant;
use operator_core::object::Kind;
use operator_core::plan::labels;
use serde::Serialize;

use super::{Cluster, Place};
use crate::api;
use crate::command::{Error, print};

/// Lines of each container's log.
const LOG_LINES: i64 = 2000;

/// Arguments of `kubectl creator report`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the platform; not needed if the namespace has only one.
    name: Option<String>,
    /// Folder to write to; it must not exist yet [default: <platform>-report].
    #[arg(short, long)]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Writes the folder and prints what is in it.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let cluster = arguments.place.connect().await?;
    let platform = cluster.platform(arguments.name.as_deref()).await?;
    let name = platform.name_any();
    let default = || PathBuf::from(format!("{name}-report"));
    let folder = arguments.output.unwrap_or_else(default);
    fs::create_dir(&folder).map_err(|error| Error::File(folder.clone(), error))?;
    write_yaml(&folder, "platform", &platform)?;
    let mut notes = vec!["platform.yaml".to_owned()];
    for note in [
        tenants(&cluster, &folder).await,
        objects(&cluster, &name, &folder).await,
        events(&cluster, &folder).await,
        logs(&cluster, &name, &folder).await,
    ] {
        // A right that the caller lacks must not keep the rest from the report.
        notes.push(note.unwrap_or_else(|error| format!("left out: {error}")));
    }
    let list = notes.join("\n");
    write(&folder, "README.txt", &format!("{list}\n"))?;
    print(&format!(
        "{list}\nThe report is in {}. It has no Secrets; read it before you send it.\n",
        folder.display()
    ))
}

async fn tenants(cluster: &Cluster, folder: &Path) -> Result<String, Error> {
    let tenants: Api<Tenant> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let tenants = tenants.list(&ListParams::default()).await?.items;
    write_yaml(folder, "tenants", &tenants)?;
    Ok(format!("tenants.yaml: {} Tenants", tenants.len()))
}

/// Every object of the platform as it is in the cluster, but for Secrets.
async fn objects(cluster: &Cluster, name: &str, folder: &Path) -> Result<String, Error> {
    let selector = format!("{},{}={name}", api::ours(), labels::INSTANCE);
    let params = ListParams::default().labels(&selector);
    let mut all = Vec::new();
    for kind in Kind::ALL.iter().copied().filter(|kind| !kind.is_secret()) {
        if kind.optional() && !api::serves(&cluster.client, kind).await? {
            continue;
        }
        let resource = api::resource(kind);
        // The items of a list do not say what they are.
        let types = TypeMeta {
            api_version: resource.api_version,
            kind: resource.kind,
        };
        let objects = api::objects(&cluster.client, &cluster.namespace, kind);
        for mut object in objects.list(&params).await?.items {
            object.types = Some(types.clone());
            object.metadata.managed_fields = None;
            all.push(object);
        }
    }
    write_yaml(folder, "objects", &all)?;
    Ok(format!("objects.yaml: {} objects", all.len()))
}

async fn events(cluster: &Cluster, folder: &Path) -> Result<String, Error> {
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let events = events.list(&ListParams::default()).await?.items;
    write_yaml(folder, "events", &events)?;
    Ok(format!("events.yaml: {} events", events.len()))
}

async fn logs(cluster: &Cluster, name: &str, folder: &Path) -> Result<String, Error> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let selector = format!("{}={name}", labels::INSTANCE);
    let list = pods.list(&ListParams::default().labels(&selector)).await?;
    write_yaml(folder, "pods", &list.items)?;
    let mut written = 0;
    for pod in list.items {
        let pod_name = pod.name_any();
        let spec = pod.spec.unwrap_or_default();
        let containers = spec.containers.into_iter();
        for container in containers.chain(spec.init_containers.into_iter().flatten()) {
            for previous in [false, true] {
                let params = LogParams {
                    container: Some(container.name.clone()),
                    previous,
                    tail_lines: Some(LOG_LINES),
                    timestamps: true,
                    ..LogParams::default()
                };
                // A container that never ran, or never restarted, has no such log.
                let Ok(log) = pods.logs(&pod_name, &params).await else {
                    continue;
                };
                let before = if previous { ".previous" } else { "" };
                write(
                    folder,
                    &format!("{pod_name}.{}{before}.log", container.name),
                    &log,
                )?;
                written += 1;
            }
        }
    }
    Ok(format!("pods.yaml, and {written} logs"))
}

fn write_yaml<T: Serialize>(folder: &Path, name: &str, value: &T) -> Result<(), Error> {
    write(
        folder,
        &format!("{name}.yaml"),
        &serde_yaml_ng::to_string(value)?,
    )
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    let file = folder.join(name);
    fs::write(&file, text).map_err(|error| Error::File(file, error))
}
