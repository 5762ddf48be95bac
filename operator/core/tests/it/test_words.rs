//! Why a workload is not as it shall be: whose words a condition repeats.

use k8s_openapi::api::core::v1::{Event, Pod};
use operator_core::object::{Kind, ObjectKey};
use operator_core::words::{is_unwell, keeps_message, of_events, of_pods, of_status};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::fixtures::sample;
use crate::world::at_rest;

fn parsed<T: DeserializeOwned>(values: Vec<Value>) -> Vec<T> {
    serde_json::from_value(Value::Array(values)).expect("objects of Kubernetes")
}

fn pod(name: &str, minute: u32, ready: bool, container: Value) -> Value {
    let ready = if ready { "True" } else { "False" };
    let mut status = container;
    status["name"] = json!("auth");
    status["image"] = json!("x");
    status["imageID"] = json!("x");
    status["ready"] = json!(ready == "True");
    status["restartCount"] = json!(0);
    json!({
        "metadata": {"name": name, "creationTimestamp": format!("2026-01-01T00:{minute:02}:00Z")},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready},
            ],
            "containerStatuses": [status],
        },
    })
}

fn pulling() -> Value {
    json!({"state": {"waiting": {
        "reason": "ImagePullBackOff", "message": "Back-off pulling image \"auth:typo\"",
    }}})
}

fn failed(message: &str) -> Value {
    json!({"state": {"terminated": {"exitCode": 1, "reason": "Error", "message": message}}})
}

/// The old pod still serves, so all that is wanted is ready; the new one never will be.
#[test]
fn a_new_pod_without_its_image_is_named_while_the_old_one_serves() {
    let body = json!({
        "metadata": {"generation": 2},
        "spec": {"replicas": 1},
        "status": {
            "observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1,
            "availableReplicas": 1, "unavailableReplicas": 1,
        },
    });
    assert!(is_unwell(Kind::Deployment, &body));
    let crashed_once = json!({
        "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    });
    let pods = parsed::<Pod>(vec![
        pod("a-old", 0, true, crashed_once),
        pod("b-new", 9, false, pulling()),
    ]);
    let said = of_pods(&pods).expect("words");
    assert!(
        said.starts_with("container auth: ImagePullBackOff: Back-off pulling"),
        "{said}"
    );
    assert!(!said.contains("OOMKilled"), "{said}");
}

#[test]
fn the_latest_pod_of_a_job_speaks() {
    let pods = parsed::<Pod>(vec![
        pod("a", 1, false, failed("password authentication failed")),
        pod("b", 7, false, failed("relation already exists")),
        pod("c", 3, false, failed("connection refused")),
    ]);
    let said = of_pods(&pods).expect("words");
    assert!(said.ends_with("relation already exists"), "{said}");
    let starting = json!({"state": {"waiting": {"reason": "ContainerCreating"}}});
    let mut pods = pods;
    pods.extend(parsed::<Pod>(vec![pod("d", 8, false, starting)]));
    let said = of_pods(&pods).expect("what failed before");
    assert!(said.ends_with("relation already exists"), "{said}");
}

#[test]
fn a_pod_that_its_node_ended_says_why() {
    let pods = parsed::<Pod>(vec![json!({
        "metadata": {"name": "a"},
        "status": {
            "phase": "Failed", "reason": "DeadlineExceeded",
            "message": "Pod was active on the node longer than the specified deadline",
        },
    })]);
    let said = of_pods(&pods).expect("words");
    assert!(
        said.starts_with("pod failed: DeadlineExceeded: Pod was active"),
        "{said}"
    );
}

const REFUSALS: [&str; 3] = [
    "pods \"demo-auth-1\" is forbidden: exceeded quota: house, requested: limits.cpu=1",
    "pods \"demo-auth-1\" is forbidden: violates PodSecurity \"restricted:latest\"",
    "admission webhook \"policy.example.org\" denied the request: image not signed",
];

#[test]
fn a_deployment_says_what_refused_its_pods() {
    for refusal in REFUSALS {
        let failure = json!({
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
            "message": refusal,
        });
        assert!(keeps_message(&failure));
        let progress = json!({
            "type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated",
            "message": "Created new replica set",
        });
        assert!(!keeps_message(&progress));
        let body = json!({"status": {"conditions": [progress, failure]}});
        let said = of_status(Kind::Deployment, &body);
        assert_eq!(said, Some(format!("FailedCreate: {refusal}")));
    }
    let past = json!({"status": {"conditions": [
        {"type": "ReplicaFailure", "status": "False", "message": "gone"},
    ]}});
    assert_eq!(of_status(Kind::Deployment, &past), None);
}

#[test]
fn the_last_event_says_what_refused_the_pod_of_a_store_or_job() {
    let event = |minute: u32, reason: &str, message: &str| {
        json!({
            "metadata": {"name": "x"}, "involvedObject": {}, "reason": reason, "message": message,
            "lastTimestamp": format!("2026-01-01T00:{minute:02}:00Z"),
        })
    };
    for refusal in REFUSALS {
        let events = parsed::<Event>(vec![
            event(1, "FailedCreate", "something earlier"),
            event(3, "FailedCreate", refusal),
            event(9, "SuccessfulCreate", "created pod"),
        ]);
        assert_eq!(of_events(&events), Some(format!("FailedCreate: {refusal}")));
    }
    // The newer API of events has its times elsewhere.
    let newer = json!({
        "metadata": {"name": "x"}, "involvedObject": {}, "reason": "FailedCreate",
        "message": "newest", "eventTime": "2026-01-01T00:00:00.000000Z",
        "series": {"count": 3, "lastObservedTime": "2026-01-01T00:20:00.000000Z"},
    });
    let events = parsed::<Event>(vec![newer, event(3, "FailedCreate", "older")]);
    assert_eq!(of_events(&events), Some("FailedCreate: newest".to_owned()));
    assert_eq!(of_events(&[]), None);
}

#[test]
fn a_database_cluster_says_its_phase() {
    let body = json!({
        "spec": {"instances": 3},
        "status": {"phase": "Cannot create Pod", "phaseReason": "exceeded quota: house"},
    });
    assert!(is_unwell(Kind::CnpgCluster, &body));
    let said = of_status(Kind::CnpgCluster, &body);
    assert_eq!(
        said.as_deref(),
        Some("Cannot create Pod: exceeded quota: house")
    );
}

#[test]
fn what_is_at_rest_is_asked_nothing() {
    let world = at_rest(&sample("full"));
    for key in world.observed.objects.keys() {
        let body = world.observed.body(key).unwrap_or(&Value::Null);
        assert!(!is_unwell(key.kind, body), "{key}");
    }
}

/// What was read reaches the condition of the component.
#[test]
fn the_words_are_in_the_message_of_the_gate() {
    let platform = sample("minimal");
    let mut world = at_rest(&platform);
    for (kind, name) in [
        (Kind::StatefulSet, "demo-postgres"),
        (Kind::Deployment, "demo-auth"),
    ] {
        let key = ObjectKey::new(kind, name);
        world.set_status(&key, json!({}));
        let words = format!("FailedCreate: exceeded quota of {name}");
        world.observed.words.insert(key, words.clone());
        let plan = world.plan(&platform);
        let waits = format!("{:?}", plan.waits());
        assert!(waits.contains(&words), "{waits}");
        world = at_rest(&platform);
    }
}

#[test]
fn an_image_of_ours_that_no_registry_has_comes_with_the_field_to_set() {
    for (image, reason, advised) in [
        ("localhost/creator-platform/auth:1", "ErrImagePull", true),
        (
            "localhost/creator-platform/auth:1",
            "ImagePullBackOff",
            true,
        ),
        (
            "localhost/creator-platform/auth:1",
            "CrashLoopBackOff",
            false,
        ),
        ("registry.example.com/creator/auth:1", "ErrImagePull", false),
        ("localhost/redis:7", "ErrImagePull", false),
    ] {
        let state = json!({"state": {"waiting": {"reason": reason, "message": "not found"}}});
        let mut pod = pod("new", 1, false, state);
        pod["status"]["containerStatuses"][0]["image"] = json!(image);
        let words = of_pods(&parsed(vec![pod])).expect("words");
        assert_eq!(
            words.contains("spec.images.registry"),
            advised,
            "{image}: {words}"
        );
    }
}
