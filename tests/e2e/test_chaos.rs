//! Whatever dies while the platform starts, it becomes Ready all the same.

use std::time::{Duration, Instant};

use crate::cluster::{Namespace, apply, attempt, operator, wait};
use crate::platform::{explain, ready, sample};

/// Parts that are killed, in the order of a small fixed generator.
const PARTS: [&str; 9] = [
    "operator",
    "postgres",
    "redis",
    "chroma",
    "ollama",
    "auth",
    "creator-hub",
    "ai-engine",
    "channel",
];

#[test]
#[ignore = "needs a node: make test"]
fn killed_parts_do_not_keep_the_platform_from_becoming_ready() {
    operator();
    let namespace = Namespace::new("chaos");
    apply(&namespace.0, &sample());
    let (started, mut state, mut killed) = (Instant::now(), seed(), Vec::new());
    println!("measured: chaos seed {state}");
    while killed.len() < 14 && started.elapsed() < Duration::from_mins(1) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = PARTS[usize::try_from(state >> 33).unwrap() % PARTS.len()];
        let pause = Duration::from_millis(300 + (state >> 40) % 2500);
        std::thread::sleep(pause);
        if kill(&namespace.0, part) {
            killed.push(part);
        }
    }
    assert!(
        killed.len() >= 5,
        "something was there to be killed: {killed:?}"
    );
    let name = namespace.0.clone();
    let took = wait(
        Duration::from_mins(5),
        || ready(&name, "demo"),
        || explain(&name),
    );
    println!(
        "measured: Ready {:.1} s after the last of {killed:?}",
        took.as_secs_f64()
    );
}

/// Deletes the part's pods at once, without grace; says whether there was one.
fn kill(namespace: &str, part: &str) -> bool {
    let (namespace, label) = if part == "operator" {
        (
            "creator-system",
            "app.kubernetes.io/name=creator-operator".to_owned(),
        )
    } else {
        (namespace, format!("app.kubernetes.io/component={part}"))
    };
    let arguments = [
        "-n",
        namespace,
        "delete",
        "pod",
        "-l",
        &label,
        "--grace-period=0",
        "--force",
        "-o",
        "name",
    ];
    !attempt("kubectl", &arguments, "").stdout.is_empty()
}

/// Another order each run; it is printed, so that a failure can be repeated.
fn seed() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    now.as_secs()
}
