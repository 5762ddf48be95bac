//! The binary as people and Kubernetes use it: plan, crds, gateway-config, run, log level, SIGTERM.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::world::{PATIENCE, World};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/samples");

fn operator() -> Command {
    Command::new(env!("CARGO_BIN_EXE_operator"))
}

fn text(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_plan_of_a_file_is_every_object_as_yaml() {
    let file = format!("{SAMPLES}/minimal.yaml");
    let plan = text(&operator().args(["plan", "-f", &file]).output().unwrap());
    let kinds = plan
        .lines()
        .filter(|line| line.starts_with("kind: "))
        .count();
    assert_eq!(
        kinds,
        plan.lines()
            .filter(|line| line.starts_with("# part "))
            .count()
    );
    assert!(
        plan.contains("# part auth: Deployment demo-auth\n"),
        "{plan}"
    );
}

#[test]
fn a_plan_of_something_else_says_what_is_missing() {
    let file = format!("{SAMPLES}/tenant.yaml");
    let output = operator().args(["plan", "-f", &file]).output().unwrap();
    assert!(!output.status.success());
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        words.contains("no document of kind CreatorPlatform"),
        "{words}"
    );
}

#[test]
fn crds_and_the_gateways_configuration_are_printed() {
    let crds = text(&operator().arg("crds").output().unwrap());
    assert_eq!(crds, operator_core::crds_yaml().unwrap());
    let arguments = ["gateway-config", "--loopback", "--listen", "127.0.0.1:8888"];
    let origins = ["--cors-origins", "https://a.example,http://localhost:3000"];
    let nginx = text(&operator().args(arguments).args(origins).output().unwrap());
    assert!(nginx.contains("listen 127.0.0.1:8888"), "{nginx}");
    for origin in ["https://a.example", "http://localhost:3000"] {
        assert!(
            nginx.contains(&format!("\"{origin}\" \"{origin}\";")),
            "{nginx}"
        );
    }
    for service in shared_config::Service::ALL {
        assert!(
            nginx.contains(&format!("127.0.0.1:{}", service.port())),
            "{}",
            service.name()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
#[expect(clippy::too_many_lines, reason = "the life of one process, in order")]
async fn the_process_is_ready_tells_metrics_changes_its_log_level_and_ends_when_told() {
    let world = World::bare("process").await;
    let _stand_in = world.stand_in();
    let free = || {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    };
    let (port, admin) = (free(), free());
    let mut child = operator()
        .args(["run", "--watch-namespace", &world.namespace])
        .args([
            "--port",
            &port.to_string(),
            "--admin-port",
            &admin.to_string(),
        ])
        .env("KUBECONFIG", &world.kubeconfig)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let http = reqwest::Client::new();
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    world
        .until_some("ready", async || {
            let answer = http.get(url("/readyz")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;

    // The look that finds nothing more to do comes after the one that says "ready".
    let metrics = world
        .until_some("reconciled", async || {
            let text = http
                .get(url("/metrics"))
                .send()
                .await
                .ok()?
                .text()
                .await
                .ok()?;
            text.contains("operator_reconciles_total{outcome=\"reconciled\"}")
                .then_some(text)
        })
        .await;
    assert!(
        !metrics.contains(&name),
        "a metric names a platform: {metrics}"
    );
    let level = format!("http://127.0.0.1:{admin}/log-level");
    let changed = http
        .put(&level)
        .body("operator=debug")
        .send()
        .await
        .unwrap();
    assert!(changed.status().is_success());
    let refused = http.put(&level).body("operator=loud").send().await.unwrap();
    assert_eq!(refused.status(), 400);

    // kill(1) and not Child::kill, which no process can answer.
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it did not end");
        sleep(Duration::from_millis(10)).await;
    };
    println!("measured: ended {:?} after SIGTERM", began.elapsed());
    assert!(status.success(), "{status}");
    let lines = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(line["level"].is_string(), "{line}");
    }
    assert!(lines.contains("\"outcome\":\"reconciled\""), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_diff_against_the_cluster_shows_what_an_apply_would_change() {
    let world = World::bare("diff").await;
    let _stand_in = world.stand_in();
    let controller = world.operator();
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    world.until_quiet(&controller).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.yaml");
    let sample = std::fs::read_to_string(format!("{SAMPLES}/minimal.yaml")).unwrap();
    let diff = |spec: &str| {
        std::fs::write(&file, spec).unwrap();
        let arguments = ["plan", "--diff", "--namespace", &world.namespace, "-f"];
        let mut command = operator();
        command
            .args(arguments)
            .arg(&file)
            .env("KUBECONFIG", &world.kubeconfig);
        text(&command.output().unwrap())
    };
    assert_eq!(diff(&sample), "# no changes\n");
    let changed = sample.replace("spec:\n", "spec:\n  services: {auth: {replicas: 3}}\n");
    let shown = diff(&changed);
    assert!(
        shown.contains("-  replicas: 1\n+  replicas: 3\n"),
        "{shown}"
    );
    assert!(
        shown.contains("PodDisruptionBudget demo-auth: create"),
        "{shown}"
    );
    controller.stop().await;
}

#[test]
fn the_images_of_a_file_are_those_of_every_pod_and_each_has_a_name_in_the_mirror() {
    let file = format!("{SAMPLES}/full.yaml");
    let images = text(&operator().args(["images", "-f", &file]).output().unwrap());
    let plan = text(&operator().args(["plan", "-f", &file]).output().unwrap());
    let used: std::collections::BTreeSet<&str> = plan
        .lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("image: "))
        .map(|image| image.trim_matches(['\'', '"']))
        .collect();
    let listed: std::collections::BTreeSet<&str> = images.lines().collect();
    assert_eq!(listed, used);
    assert_eq!(listed.len(), images.lines().count(), "one is printed twice");
    assert!(listed.len() >= 8, "{images}");
    let mirror = [
        "images",
        "--mirror",
        "registry.internal/creator",
        "-f",
        &file,
    ];
    let mirrored = text(&operator().args(mirror).output().unwrap());
    for line in mirrored.lines() {
        let (from, to) = line.split_once(' ').unwrap();
        assert!(listed.contains(from), "{line}");
        let path = to.strip_prefix("registry.internal/creator/").unwrap();
        assert!(from.ends_with(path), "{line}");
    }
    assert_eq!(mirrored.lines().count(), listed.len());
}
