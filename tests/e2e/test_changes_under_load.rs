//! A running platform is changed while people use it: no request fails, and no upload is lost or
//! doubled.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{Namespace, kubectl, operator, script, wait};
use crate::load::{Creator, Load, documents};
use crate::platform::{Api, bring_up, explain, ready};

const EMAIL: &str = "ana@example.com";
const PASSWORD: &str = "Quiet-Harbour-71";
/// The binaries of this version under the name of the next one: what rolls out is real, what they
/// do is the same.
const NEXT: &str = "0.1.99";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a node: make test"]
async fn no_request_fails_while_a_platform_is_changed() {
    operator();
    name_images_of_the_next_version();
    let namespace = Namespace::new("under-load");
    bring_up(&namespace.0);
    let mut api = Api::open(&namespace.0, 18081).await;
    api.register(EMAIL).await;
    api.upload("sleep-guide.md", include_str!("sleep-guide.md"))
        .await;
    let creator = api.creator(EMAIL, PASSWORD);
    let load = Load::begin(creator.clone());
    let mut failed = Vec::new();
    tokio::time::sleep(Duration::from_secs(10)).await;
    failed.extend(report(&load, "nothing", Duration::from_secs(10)));
    for (what, patch) in changes() {
        let took = change(&namespace.0, &patch).await;
        // What a change breaks may show when the last old pod ends.
        tokio::time::sleep(Duration::from_secs(8)).await;
        failed.extend(report(&load, what, took));
    }
    let uploaded = load.end().await;
    every_upload_is_there_once(&creator, &uploaded).await;
    script("forward", &["stop"]);
    assert!(
        failed.is_empty(),
        "{} requests failed: {failed:#?}",
        failed.len()
    );
}

fn changes() -> Vec<(&'static str, Value)> {
    let replicas = |number: i32| {
        json!({"spec": {"services": {
            "auth": {"replicas": number}, "aiEngine": {"replicas": number},
        }}})
    };
    vec![
        ("upgrade", json!({"spec": {"version": NEXT}})),
        (
            "rollback",
            json!({"spec": {"version": env!("CARGO_PKG_VERSION")}}),
        ),
        ("upgrade again", json!({"spec": {"version": NEXT}})),
        ("scale up", replicas(2)),
        ("scale down", replicas(1)),
        (
            "gateway settings",
            json!({"spec": {"gateway": {"corsOrigins": ["https://pages.example.org"]}}}),
        ),
        (
            "service settings",
            json!({"spec": {"auth": {"accessTokenLifetime": "20m"}}}),
        ),
    ]
}

/// As a registry would have them after a release.
fn name_images_of_the_next_version() {
    for name in ["migrate", "auth", "creator-hub", "ai-engine", "channel"] {
        let image = format!("localhost/creator-platform/{name}");
        let present = format!("{image}:{}", env!("CARGO_PKG_VERSION"));
        script("tag", &[&present, &format!("{image}:{NEXT}")]);
    }
}

/// Applies a change and waits until the platform is ready with it.
async fn change(namespace: &str, patch: &Value) -> Duration {
    let (namespace, patch) = (namespace.to_owned(), patch.to_string());
    let changed = tokio::task::spawn_blocking(move || {
        let what = [
            "-n",
            &namespace,
            "patch",
            "creatorplatform",
            "demo",
            "--type=merge",
            "-p",
        ];
        kubectl(&[&what[..], &[&patch]].concat());
        wait(
            Duration::from_mins(5),
            || ready(&namespace, "demo"),
            || explain(&namespace),
        )
    });
    changed.await.unwrap()
}

/// Prints what became of the requests during a change; gives those that failed.
fn report(load: &Load, what: &str, took: Duration) -> Vec<String> {
    let (sent, failures) = load.take();
    println!(
        "measured: {what}: {:.1} s, {sent} requests, {} failed",
        took.as_secs_f64(),
        failures.len()
    );
    let describe = |failure: crate::load::Failure| {
        format!(
            "{what}: {:?} at {:?}: {}",
            failure.kind, failure.after, failure.why
        )
    };
    failures.into_iter().map(describe).collect()
}

async fn every_upload_is_there_once(creator: &Creator, uploaded: &[String]) {
    assert!(uploaded.len() > 10, "only {} uploads", uploaded.len());
    for _ in 0..300 {
        let found = documents(creator).await;
        if found.iter().all(|(_, ready)| *ready) {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for (title, _) in found {
                *counts.entry(title).or_default() += 1;
            }
            for title in uploaded {
                assert_eq!(counts.get(title), Some(&1), "{title}");
            }
            println!(
                "measured: {} uploads, each there once and ready",
                uploaded.len()
            );
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("not every document became ready");
}
