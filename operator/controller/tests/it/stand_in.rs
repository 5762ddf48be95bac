//! Plays the controllers that a bare API server lacks: workloads roll out, Jobs succeed.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
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
                sleep(Duration::from_millis(150)).await;
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
    deployments(Api::namespaced(client.clone(), namespace)).await?;
    stateful_sets(Api::namespaced(client.clone(), namespace)).await?;
    jobs(Api::namespaced(client.clone(), namespace)).await?;
    clusters(operator::api::objects(client, namespace, Kind::CnpgCluster)).await
}

async fn deployments(api: Api<Deployment>) -> kube::Result<()> {
    for deployment in api.list(&ListParams::default()).await? {
        let generation = deployment.metadata.generation;
        let status = deployment.status.as_ref();
        if status.and_then(|status| status.observed_generation) != generation {
            let replicas = deployment
                .spec
                .as_ref()
                .and_then(|spec| spec.replicas)
                .unwrap_or(1);
            set(
                &api,
                &deployment.name_any(),
                rolled_out(generation, replicas),
            )
            .await?;
        }
    }
    Ok(())
}

async fn stateful_sets(api: Api<StatefulSet>) -> kube::Result<()> {
    for stateful in api.list(&ListParams::default()).await? {
        let generation = stateful.metadata.generation;
        let status = stateful.status.as_ref();
        if status.and_then(|status| status.observed_generation) != generation {
            let replicas = stateful
                .spec
                .as_ref()
                .and_then(|spec| spec.replicas)
                .unwrap_or(1);
            let mut status = rolled_out(generation, replicas);
            status["currentRevision"] = json!("r1");
            status["updateRevision"] = json!("r1");
            status["currentReplicas"] = json!(replicas);
            set(&api, &stateful.name_any(), status).await?;
        }
    }
    Ok(())
}

async fn jobs(api: Api<Job>) -> kube::Result<()> {
    for job in api.list(&ListParams::default()).await? {
        if job
            .status
            .as_ref()
            .and_then(|status| status.succeeded)
            .is_none()
        {
            set(&api, &job.name_any(), succeeded()).await?;
        }
    }
    Ok(())
}

async fn clusters(api: Api<DynamicObject>) -> kube::Result<()> {
    for cluster in api.list(&ListParams::default()).await? {
        if cluster.data["status"].is_null() {
            let status = json!({
                "readyInstances": cluster.data["spec"]["instances"],
                "conditions": [{"type": "Ready", "status": "True"}],
            });
            set(&api, &cluster.name_any(), status).await?;
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
