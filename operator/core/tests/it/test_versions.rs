//! Which versions the operator manages: compared as versions, not as texts.

use operator_core::{Observed, resolve};

use crate::fixtures::sample;

fn problem(version: &str) -> Option<String> {
    let mut platform = sample("minimal");
    version.clone_into(&mut platform.spec.version);
    let invalid = resolve(&platform, &Observed::default()).err()?;
    Some(invalid.to_string())
}

#[test]
fn versions_of_the_operators_line_are_managed() {
    for version in ["0.1.0", "0.1.17", "0.1.0-rc1", "0.1.2-rc.1"] {
        assert_eq!(problem(version), None, "{version}");
    }
}

#[test]
fn other_lines_are_refused_also_as_prereleases() {
    for version in [
        "0.2.0",
        "0.2.0-rc1",
        "0.10.0",
        "1.0.0",
        "0.0.9",
        "0.2.0-0.1.0",
    ] {
        let problem = problem(version).expect(version);
        let says = format!("this operator manages versions 0.1.x, not {version}");
        assert!(problem.contains("spec.version"), "{problem}");
        assert!(problem.contains(&says), "{problem}");
    }
}

#[test]
fn what_is_no_version_is_refused_and_images_are_named() {
    for version in [
        "latest", "0.1", "v0.1.0", "0.1.0.1", "0.1.x", "0.01.0", "main",
    ] {
        let problem = problem(version).expect(version);
        assert!(
            problem.contains("is not a version such as 0.1.0"),
            "{problem}"
        );
        assert!(problem.contains("spec.images"), "{problem}");
    }
}
