//! Jobs of backups at the real API server: those of a schedule belong to it, and are still read.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams, PostParams};
use operator_core::api::{ConditionStatus, CreatorPlatform};
use operator_core::object::Kind;
use serde_json::{Value, json};

use crate::world::{World, condition};

/// What the `CronJob` controller makes of a schedule, and what its pod says at its end.
async fn ended(world: &World, schedule: &str, run: &str, end: (&str, i32), message: &str) {
    let cron = world.api(Kind::CronJob).get(schedule).await.unwrap();
    let template = &cron.data["spec"]["jobTemplate"];
    let name = format!("{schedule}-{run}");
    let job = json!({
        "metadata": {
            "name": name,
            "labels": template["metadata"]["labels"],
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "CronJob", "name": schedule,
                "uid": cron.uid().unwrap(), "controller": true,
            }],
        },
        "spec": template["spec"],
    });
    let jobs: Api<Job> = Api::namespaced(world.client.clone(), &world.namespace);
    let job = jobs
        .create(
            &PostParams::default(),
            &serde_json::from_value(job).unwrap(),
        )
        .await
        .unwrap();
    let pod = pod(&job, &name);
    let pods: Api<Pod> = Api::namespaced(world.client.clone(), &world.namespace);
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let (condition, code) = end;
    let said = json!({"status": {
        "phase": if code == 0 { "Succeeded" } else { "Failed" },
        "containerStatuses": [{
            "name": "work", "image": "x", "imageID": "x", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "reason": "Error", "message": message}},
        }],
    }});
    status(&pods, &name, &said).await;
    // The API server checks that a Job ends as Jobs do.
    let count = if code == 0 { "succeeded" } else { "failed" };
    let also = if code == 0 {
        "SuccessCriteriaMet"
    } else {
        "FailureTarget"
    };
    let time = "2026-11-30T03:00:00Z";
    let mut done = json!({"status": {
        "startTime": time,
        "conditions": [
            {"type": also, "status": "True", "lastTransitionTime": time},
            {"type": condition, "status": "True", "lastTransitionTime": time},
        ],
    }});
    done["status"][count] = json!(1);
    if code == 0 {
        done["status"]["completionTime"] = json!(time);
    }
    status(&jobs, &name, &done).await;
}

fn pod(job: &Job, name: &str) -> Pod {
    let selector = job.spec.as_ref().unwrap().selector.as_ref().unwrap();
    let pod = json!({
        "metadata": {"name": name, "labels": selector.match_labels},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": job.spec.as_ref().unwrap().template.spec.as_ref().unwrap()
                .service_account_name,
            "containers": [{"name": "work", "image": "x"}],
        },
    });
    serde_json::from_value(pod).unwrap()
}

async fn status<K>(api: &Api<K>, name: &str, status: &Value)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let patch = Patch::Merge(status);
    api.patch_status(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

fn has(
    kind: &'static str,
    wanted: ConditionStatus,
    reason: &'static str,
) -> impl Fn(&CreatorPlatform) -> bool {
    move |platform| {
        condition(platform, kind)
            .is_some_and(|found| found.status == wanted && found.reason == reason)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn what_the_jobs_of_a_schedule_report_stands_in_the_status() {
    let world = World::bare("backups").await;
    let stand_in = world.stand_in();
    let operator = world.operator();
    let name = world.apply_sample("backup").await;
    world.until_ready(&name).await;
    // From here on, Jobs end as the test says.
    drop(stand_in);
    let pending = has("BackupCurrent", ConditionStatus::False, "BackupPending");
    world.until(&name, "without a backup", pending).await;

    let now = jiff::Timestamp::now();
    let backup = json!({"name": "20261130T030000Z", "time": now, "sizeBytes": 4711,
        "version": "0.1.0"});
    let report = json!({"backup": "20261130T030000Z", "time": now, "sizeBytes": 4711,
        "version": "0.1.0", "tenants": 3, "rows": 9, "kept": [backup]});
    let schedule = format!("{name}-backups");
    ended(&world, &schedule, "1", ("Complete", 0), &report.to_string()).await;
    let made = has("BackupCurrent", ConditionStatus::True, "BackupMade");
    world.until(&name, "with a backup", made).await;
    let platform = world.platforms().get(&name).await.unwrap();
    let backups = platform.status.unwrap().backups;
    assert_eq!(backups.len(), 1);
    assert_eq!((backups[0].size_bytes, backups[0].verified), (4711, None));

    let checks = format!("{name}-verify");
    let refusal = r#"{"code": "backup_foreign", "detail": "sealed for another key"}"#;
    ended(&world, &checks, "1", ("Failed", 1), refusal).await;
    let failed = has(
        "BackupVerified",
        ConditionStatus::False,
        "VerificationFailed",
    );
    world.until(&name, "with a failed check", failed).await;
    let platform = world.platforms().get(&name).await.unwrap();
    let message = &condition(&platform, "BackupVerified").unwrap().message;
    let words = "backup_foreign: sealed for another key";
    assert!(message.contains(words), "{message}");

    // Neither is written to nor deleted by the operator, and nothing more is done about them.
    world.until_quiet(&operator).await;
    for job in [format!("{schedule}-1"), format!("{checks}-1")] {
        world.api(Kind::Job).get(&job).await.unwrap();
    }
    operator.stop().await;
}
