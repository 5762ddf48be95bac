//! What a crate does not depend on is its contract.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::LazyLock;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::{files_ending, none};

const SERVICES: [&str; 4] = [
    "auth-service",
    "creator-hub-service",
    "ai-engine-service",
    "channel-service",
];

static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    let manifest = platform_tests::root().join("Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        .other_options(["--locked".into()])
        .exec()
        .unwrap()
});

fn members() -> Vec<&'static Package> {
    METADATA.workspace_packages()
}

/// Names of what a package needs, directly or not, to be built for use; asked for that package
/// alone, since building the whole workspace unites the features of all.
fn needs(name: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--prefix",
            "none",
            "--format",
            "{lib}",
        ])
        .args(["--edges", "normal", "--package", name])
        .current_dir(platform_tests::root())
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let text = String::from_utf8(tree.stdout).unwrap();
    let own = name.replace('-', "_");
    let names = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned());
    names
        .filter(|found| *found != own)
        .map(|name| name.replace('_', "-"))
        .collect()
}

#[track_caller]
fn needs_none_of(name: &str, refused: &[&str]) {
    let found = needs(name);
    let faults: Vec<_> = refused.iter().filter(|r| found.contains(**r)).collect();
    assert!(faults.is_empty(), "{name} must not depend on {faults:?}");
}

#[test]
fn services_know_neither_each_other_nor_kubernetes() {
    // A service is deployed alone, and a change of one must not rebuild another.
    for service in SERVICES {
        let others = SERVICES.into_iter().filter(|other| *other != service);
        let refused: Vec<_> = others
            .chain(["kube", "kube-client", "k8s-openapi", "operator-core"])
            .collect();
        needs_none_of(service, &refused);
    }
}

#[test]
fn the_operator_knows_no_database_and_no_service() {
    // It speaks Kubernetes and HTTP, so it can manage platforms of other versions.
    let refused: Vec<_> = SERVICES
        .into_iter()
        .chain(["sqlx", "redis", "shared-db", "shared-cache"])
        .collect();
    needs_none_of("operator", &refused);
    needs_none_of("operator-core", &refused);
}

#[test]
fn the_operators_pure_half_has_no_client_and_no_runtime() {
    // What decides cannot wait: the seam is a fact of the crate graph.
    needs_none_of(
        "operator-core",
        &["kube-client", "kube-runtime", "tokio", "reqwest", "hyper"],
    );
}

#[test]
fn the_shared_names_are_light() {
    // Both sides of the contract compile shared-config; it must cost neither anything.
    let found = needs("shared-config");
    let allowed = [
        "thiserror",
        "thiserror-impl",
        "proc-macro2",
        "quote",
        "syn",
        "unicode-ident",
    ];
    let extra: Vec<_> = found
        .iter()
        .filter(|name| !allowed.contains(&name.as_str()))
        .collect();
    assert!(extra.is_empty(), "shared-config depends on {extra:?}");
}

#[test]
fn crates_are_at_most_five_deep() {
    // A deeper graph cannot be held in one head.
    fn depth(name: &str, edges: &BTreeMap<String, Vec<String>>) -> usize {
        1 + edges[name]
            .iter()
            .map(|next| depth(next, edges))
            .max()
            .unwrap_or(0)
    }
    let names: BTreeSet<_> = members()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let inner = |package: &Package| {
        let normal = package
            .dependencies
            .iter()
            .filter(|d| d.kind == DependencyKind::Normal);
        normal
            .map(|d| d.name.clone())
            .filter(|name| names.contains(name))
            .collect()
    };
    let edges: BTreeMap<String, Vec<String>> = members()
        .iter()
        .map(|package| (package.name.to_string(), inner(package)))
        .collect();
    for package in members()
        .iter()
        .filter(|package| package.name.as_str() != "platform-tests")
    {
        let found = depth(&package.name, &edges);
        assert!(found <= 5, "{} is {found} deep", package.name);
    }
}

#[test]
fn nothing_brings_a_second_tls_or_date_library() {
    // aws-lc-sys was the slowest build of the workspace; one TLS and one date library are enough.
    let refused = ["aws-lc-sys", "aws-lc-rs", "openssl-sys", "native-tls"];
    for package in members() {
        needs_none_of(&package.name, &refused);
    }
}

#[test]
fn every_crate_takes_lints_and_versions_from_the_workspace() {
    // One place for a version, one for a rule.
    let mut faults = Vec::new();
    let manifests = files_ending("toml").into_iter().filter(|(path, _)| {
        path.file_name().is_some_and(|name| name == "Cargo.toml") && path.components().count() > 1
    });
    for (path, text) in manifests {
        if !text.contains("[lints]\nworkspace = true") {
            faults.push(format!("{}: no [lints] workspace = true", path.display()));
        }
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.contains("dependencies") && line.contains(" = ") {
                let own = line.contains("workspace = true");
                if !own && !line.contains("workspace=true") && !line.contains(".workspace") {
                    faults.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    none("versions stand in the root's table", &faults);
}
