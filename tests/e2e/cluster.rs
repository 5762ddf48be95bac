//! kubectl, helm and the way to the gateway, as the scripts of `tests/cluster` offer them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Runs a script of `tests/cluster`; fails the test when it fails.
#[track_caller]
pub(crate) fn script(name: &str, arguments: &[&str]) -> String {
    let output = attempt(name, arguments, "");
    assert!(
        output.status.success(),
        "{name} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a script with that standard input, whatever comes of it.
pub(crate) fn attempt(name: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(platform_tests::root().join("tests/cluster").join(name))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// kubectl.
#[track_caller]
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    script("kubectl", arguments)
}

/// Applies a document.
#[track_caller]
pub(crate) fn apply(namespace: &str, document: &str) {
    let output = attempt("kubectl", &["-n", namespace, "apply", "-f", "-"], document);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An object as JSON; null when there is none.
pub(crate) fn get(namespace: &str, what: &[&str]) -> Value {
    let mut arguments = vec!["-n", namespace, "get", "-o", "json"];
    arguments.extend(what);
    let output = attempt("kubectl", &arguments, "");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// Waits until something holds and says how long it took; fails with what `explain` says.
#[track_caller]
pub(crate) fn wait(
    limit: Duration,
    mut holds: impl FnMut() -> bool,
    explain: impl Fn() -> String,
) -> Duration {
    let started = Instant::now();
    while !holds() {
        assert!(
            started.elapsed() < limit,
            "not within {limit:?}: {}",
            explain()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    started.elapsed()
}

/// A fresh namespace, removed with all that is in it when the test ends.
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    /// Makes it.
    pub(crate) fn new(name: &str) -> Self {
        let _ = attempt(
            "kubectl",
            &["delete", "namespace", name, "--ignore-not-found"],
            "",
        );
        kubectl(&["create", "namespace", name]);
        kubectl(&[
            "label",
            "namespace",
            name,
            "pod-security.kubernetes.io/enforce=restricted",
        ]);
        Self(name.to_owned())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let name = self.0.as_str();
            let _ = attempt(
                "kubectl",
                &["delete", "namespace", name, "--wait=false"],
                "",
            );
        }
    }
}

/// The operator, installed once for all tests of this run.
pub(crate) fn operator() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = platform_tests::root().join("charts/creator-operator");
    let tag = format!("image.tag={version}");
    script(
        "helm",
        &[
            "upgrade",
            "--install",
            "creator-operator",
            chart.to_str().unwrap(),
            "--namespace",
            "creator-system",
            "--create-namespace",
            "--wait",
            "--timeout",
            "120s",
            "--set",
            "image.repository=localhost/creator-platform/operator",
            "--set",
            "clusterWide=true",
            "--set",
            &tag,
        ],
    );
    // A node that runs already may have an older image under the same tag.
    let deployment = "deployment/creator-operator";
    let rollout = ["-n", "creator-system", "rollout"];
    kubectl(&[&rollout[..], &["restart", deployment]].concat());
    kubectl(&[&rollout[..], &["status", deployment, "--timeout=120s"]].concat());
}
