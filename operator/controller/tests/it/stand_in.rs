//! Plays the controllers that a bare API server lacks: workloads roll out, Jobs succeed.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use operator_core::object::Kind;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep};

/// Plays until dropped.
pub(crate) struct StandIn(JoinHandle<()>);

impl StandIn {
    pub(crate) fn start(client: &Client, namespace: &str) -> Self {
        let (client, namespace) = (client.clone(), namespace.to_owned());
        Self(tokio::spawn(async move {
            loop {
                // What vanishes between list and patch is no concern of a controller either.
                let _ = round(&client, &namespace).await;
                sleep(Duration::from_millis(50)).await;
            }
        }))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn round(client: &Client, namespace: &str) -> kube::Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    for deployment in deployments.list(&ListParams::default()).await? {
        let generation = deployment.metadata.generation;
        let seen = deployment
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        if seen != generation {
            let replicas = deployment
                .spec
                .as_ref()
                .and_then(|spec| spec.replicas)
                .unwrap_or(1);
            set(
                &deployments,
                &deployment.name_any(),
                rolled_out(generation, replicas),
            )
            .await?;
        }
    }
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
    for stateful in sets.list(&ListParams::default()).await? {
        let generation = stateful.metadata.generation;
        let seen = stateful
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        if seen != generation {
            let replicas = stateful
                .spec
                .as_ref()
                .and_then(|spec| spec.replicas)
                .unwrap_or(1);
            let mut status = rolled_out(generation, replicas);
            status["currentRevision"] = json!("r1");
            status["updateRevision"] = json!("r1");
            status["currentReplicas"] = json!(replicas);
            set(&sets, &stateful.name_any(), status).await?;
        }
    }
    let jobs: Api<Job> = Api::namespaced(client.clone(), namespace);
    for job in jobs.list(&ListParams::default()).await? {
        if job
            .status
            .as_ref()
            .and_then(|status| status.succeeded)
            .is_none()
        {
            set(&jobs, &job.name_any(), succeeded()).await?;
        }
    }
    let clusters = operator::api::objects(client, namespace, Kind::CnpgCluster);
    for cluster in clusters.list(&ListParams::default()).await? {
        if cluster.data["status"].is_null() {
            let status = json!({
                "readyInstances": cluster.data["spec"]["instances"],
                "conditions": [{"type": "Ready", "status": "True"}],
            });
            set(&clusters, &cluster.name_any(), status).await?;
        }
    }
    Ok(())
}

async fn set<K>(api: &Api<K>, name: &str, status: Value) -> kube::Result<()>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let patch = Patch::Merge(json!({"status": status}));
    api.patch_status(name, &PatchParams::default(), &patch)
        .await
        .map(drop)
}

fn rolled_out(generation: Option<i64>, replicas: i32) -> Value {
    json!({
        "observedGeneration": generation,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
        "conditions": [{"type": "Available", "status": "True", "reason": "StandIn"}],
    })
}

fn succeeded() -> Value {
    let now = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    json!({
        "startTime": now,
        "completionTime": now,
        "succeeded": 1,
        "uncountedTerminatedPods": {},
        "conditions": [
            {"type": "SuccessCriteriaMet", "status": "True", "reason": "StandIn"},
            {"type": "Complete", "status": "True", "reason": "StandIn"},
        ],
    })
}
