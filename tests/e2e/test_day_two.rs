//! What happens to a running platform later: others change its objects, passwords and volumes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{get, kubectl, wait};
use crate::platform::{Api, explain, ready};

/// The platform serves and becomes ready again after each of them.
pub(crate) async fn survives_what_others_do(namespace: &str, api: &Api) {
    an_added_variable_stays_and_is_shown(namespace);
    a_size_that_the_class_refuses_stops_nothing(namespace);
    an_edited_database_password_is_taken(namespace, api).await;
}

fn merge(namespace: &str, what: &[&str], patch: &Value) {
    let patch = patch.to_string();
    let arguments = [
        &["-n", namespace, "patch"],
        what,
        &["--type=merge", "-p", &patch],
    ]
    .concat();
    kubectl(&arguments);
}

fn until_ready(namespace: &str) -> Duration {
    let limit = Duration::from_mins(3);
    wait(limit, || ready(namespace, "demo"), || explain(namespace))
}

fn an_added_variable_stays_and_is_shown(namespace: &str) {
    let auth = "deployment/demo-auth";
    kubectl(&["-n", namespace, "set", "env", auth, "ADDED_BY_A_PERSON=1"]);
    let shown = || {
        let platform = get(namespace, &["creatorplatform", "demo"]);
        platform["status"]["additions"]
            .to_string()
            .contains("env[ADDED_BY_A_PERSON]")
    };
    wait(Duration::from_mins(1), shown, || explain(namespace));
    until_ready(namespace);
    let generation =
        || get(namespace, &["deployment", "demo-auth"])["metadata"]["generation"].clone();
    let before = generation();
    // Longer than the operator's pause while something is pending.
    std::thread::sleep(Duration::from_secs(20));
    assert_eq!(generation(), before, "the operator leaves it alone");
    assert!(ready(namespace, "demo"), "{}", explain(namespace));
}

/// The storage class of the node does not expand volumes.
fn a_size_that_the_class_refuses_stops_nothing(namespace: &str) {
    let platform = get(namespace, &["creatorplatform", "demo"]);
    let size = platform["spec"]["redis"]["storage"]["size"].clone();
    let spec = |size: &Value, burst: i32| {
        json!({"spec": {
            "redis": {"storage": {"size": size}}, "gateway": {"limits": {"burst": burst}},
        }})
    };
    let burst = platform["spec"]["gateway"]["limits"]["burst"]
        .as_i64()
        .unwrap_or(100);
    let burst = i32::try_from(burst).unwrap();
    merge(
        namespace,
        &["creatorplatform", "demo"],
        &spec(&json!("64Gi"), burst + 1),
    );
    let arrived = || {
        let config = get(namespace, &["configmap", "demo-gateway"])["data"].to_string();
        config.contains(&format!("burst={}", burst + 1))
    };
    wait(Duration::from_mins(1), arrived, || explain(namespace));
    let refused = || {
        let platform = get(namespace, &["creatorplatform", "demo"]);
        platform["status"]["conditions"]
            .to_string()
            .contains("rejected PersistentVolumeClaim")
    };
    wait(Duration::from_mins(1), refused, || explain(namespace));
    merge(namespace, &["creatorplatform", "demo"], &spec(&size, burst));
    until_ready(namespace);
}

async fn an_edited_database_password_is_taken(namespace: &str, api: &Api) {
    let revision =
        || get(namespace, &["statefulset", "demo-postgres"])["status"]["updateRevision"].clone();
    let before = revision();
    let edit = json!({"stringData": {"password": "edited by a person: 'quoted' \\ and long"}});
    merge(namespace, &["secret", "demo-postgres"], &edit);
    wait(
        Duration::from_mins(1),
        || revision() != before,
        || explain(namespace),
    );
    let took = until_ready(namespace);
    println!(
        "measured: Ready {:.1} s after the database password was edited",
        took.as_secs_f64()
    );
    let (status, answer) = api.get("/creator-hub/v1/documents").await.unwrap();
    assert_eq!(status.as_u16(), 200, "{answer}");
}
