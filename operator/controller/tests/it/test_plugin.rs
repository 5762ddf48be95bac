//! `kubectl creator`, run as a program against a platform.

use std::fs;
use std::process::{Command, Output};

use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use operator_core::object::Kind;
use serde_json::json;

use crate::world::World;

fn plugin(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-creator"));
    command.env("KUBECONFIG", &world.kubeconfig);
    command
}

fn printed(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Gives every claim a volume, as a provisioner does.
async fn bind_volumes(world: &World) {
    let claims = world.api(Kind::PersistentVolumeClaim);
    for claim in claims.list(&ListParams::default()).await.unwrap() {
        let size = claim.data["spec"]["resources"]["requests"]["storage"].clone();
        let bound = json!({"status": {"phase": "Bound", "capacity": {"storage": size}}});
        let (name, params) = (claim.name_any(), PatchParams::default());
        let bound = Patch::Merge(&bound);
        claims.patch_status(&name, &params, &bound).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_status_shows_what_runs_and_says_what_is_wrong() {
    let world = World::bare("plugin-status").await;
    let _stand_in = world.stand_in();
    let status = |name: &[&str]| {
        let arguments = ["status", "-n", &world.namespace];
        plugin(&world).args(arguments).args(name).output().unwrap()
    };
    let nothing = complaint(&status(&[]));
    assert!(
        nothing.contains("there is no platform in namespace"),
        "{nothing}"
    );
    let controller = world.operator();
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    world.until_quiet(&controller).await;
    let unbound = printed(&status(&[]));
    for expected in [
        "VolumesReady (VolumePending)",
        "CONDITION",
        "creator-hub   1/1",
        "VOLUME",
    ] {
        assert!(unbound.contains(expected), "{expected}: {unbound}");
    }
    bind_volumes(&world).await;
    world
        .until_some("all well", async || {
            let text = printed(&status(&[]));
            text.contains("Everything is as the spec says.")
                .then_some(text)
        })
        .await;
    let missing = complaint(&status(&["other"]));
    assert!(missing.contains("there is no platform other"), "{missing}");
    // The API server accepts a version that this operator does not manage; the operator says so.
    world
        .merge(&name, json!({"spec": {"version": "9.9.9"}}))
        .await;
    let stalled = world
        .until_some("shown", async || {
            let text = printed(&status(&[&name]));
            text.contains("Stalled (").then_some(text)
        })
        .await;
    assert!(stalled.contains("9.9.9"), "{stalled}");
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_report_has_everything_but_secrets() {
    let world = World::bare("plugin-report").await;
    let _stand_in = world.stand_in();
    let controller = world.operator();
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("report");
    let report = || {
        let mut command = plugin(&world);
        command
            .args(["report", "-n", &world.namespace, "-o"])
            .arg(&output);
        command.output().unwrap()
    };
    printed(&report());
    let mut all = String::new();
    for file in ["platform", "objects", "events", "pods", "tenants"] {
        all += &fs::read_to_string(output.join(format!("{file}.yaml"))).unwrap();
    }
    assert!(all.contains("kind: Deployment"), "no Deployment");
    assert!(!all.contains("kind: Secret\n"), "a Secret");
    let mut secrets = 0;
    for (key, object) in world.owned(&name).await {
        let Some(data) = object.data["data"]
            .as_object()
            .filter(|_| key.kind.is_secret())
        else {
            continue;
        };
        for value in data.values().filter_map(|value| value.as_str()) {
            assert!(!all.contains(value), "{key} is in the report");
            secrets += 1;
        }
    }
    assert!(secrets > 5, "only {secrets} values were looked for");
    // What is there is not written over.
    let again = complaint(&report());
    assert!(again.contains("File exists"), "{again}");
    controller.stop().await;
}
