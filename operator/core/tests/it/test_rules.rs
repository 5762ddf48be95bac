//! Every rule of the schema, by a case that it accepts and one that it refuses.

use std::path::PathBuf;

use operator_core::plan::gateway::{GatewayConfig, nginx_config};
use operator_core::resolve::admission;
use operator_core::{Observed, crds, resolve};
use serde::Deserialize as _;
use serde_json::Value;

use crate::fixtures::{SAMPLES, resolved, root, sample};
use crate::nginx::start_with;

struct Case {
    name: String,
    message: String,
    old: Option<Value>,
    new: Value,
}

fn cases(folder: &str) -> Vec<Case> {
    let folder = root().join("operator/core/tests/it/cases").join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder exists");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().map(|path| case(&path)).collect()
}

fn case(path: &PathBuf) -> Case {
    let text = std::fs::read_to_string(path).expect("a readable case");
    let comment = text
        .lines()
        .find_map(|line| line.strip_prefix("# message: "));
    let mut documents: Vec<Value> = serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).expect("YAML"))
        .collect();
    let new = documents.pop().expect("a resource");
    Case {
        name: path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned(),
        message: comment.unwrap_or_default().to_owned(),
        old: documents.pop(),
        new,
    }
}

fn verdict(case: &Case) -> Vec<String> {
    let kind = case.new["kind"].as_str().expect("a kind");
    let problems = admission(kind, &case.new, case.old.as_ref());
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_right_is_accepted() {
    for case in cases("accept") {
        assert_eq!(verdict(&case), Vec::<String>::new(), "{}", case.name);
    }
    for name in SAMPLES {
        let mut value = serde_json::to_value(sample(name)).expect("JSON");
        value["metadata"] = serde_json::json!({"name": "demo"});
        let problems = admission("CreatorPlatform", &value, None);
        assert_eq!(problems, Vec::new(), "{name}");
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_message() {
    for case in cases("reject") {
        let problems = verdict(&case);
        let said = problems
            .iter()
            .any(|problem| problem.contains(&case.message));
        assert!(
            !case.message.is_empty() && said,
            "{}: {problems:?}",
            case.name
        );
    }
}

#[test]
fn every_rule_has_a_case_that_it_refuses() {
    let refused: Vec<String> = cases("reject")
        .into_iter()
        .map(|case| case.message)
        .collect();
    let mut untested = Vec::new();
    for crd in crds() {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).expect("JSON");
        collect(&schema, &mut |message| {
            if !refused.iter().any(|known| message.contains(known.as_str())) {
                untested.push(message.to_owned());
            }
        });
    }
    assert_eq!(untested, Vec::<String>::new());
}

#[test]
fn what_only_looks_like_an_address_of_ipv6_is_refused() {
    let platforms = ["1:2", "::1::", ":::", "12345::1"];
    for address in platforms {
        let mut platform = sample("external");
        let host = address.to_owned();
        platform
            .spec
            .postgres
            .external
            .as_mut()
            .expect("external")
            .host = host;
        let refused = resolve(&platform, &Observed::default()).expect_err(address);
        assert!(
            refused.to_string().contains("spec.postgres.external.host"),
            "{refused}"
        );
        let mut platform = sample("minimal");
        platform.spec.gateway.public_url = Some(format!("http://[{address}]:8080"));
        let refused = resolve(&platform, &Observed::default()).expect_err(address);
        assert!(
            refused.to_string().contains("spec.gateway.publicUrl"),
            "{refused}"
        );
    }
    let mut platform = sample("external");
    let external = platform.spec.postgres.external.as_mut().expect("external");
    external.host = "fd00:10::5".to_owned();
    assert_eq!(resolve(&platform, &Observed::default()).err(), None);
}

/// A platform that an older schema has let in is not planned either.
#[test]
fn what_no_program_would_take_is_refused_without_the_api_server() {
    type Change = fn(&mut operator_core::api::CreatorPlatformSpec, String);
    let fields: [(&str, Change, &[&str]); 3] = [
        (
            "spec.gateway.trustedProxies",
            |spec, text| spec.gateway.trusted_proxies = vec![text],
            &["10.0.0.0/33", "999.1.1.1/8", "abc", "1.2.3", "fd00::/129"],
        ),
        (
            "spec.gateway.corsOrigins",
            |spec, text| spec.gateway.cors_origins = vec![text],
            &["https://app.example.org:443", "https://a..b", "*"],
        ),
        (
            "spec.gateway.hostname",
            |spec, text| spec.gateway.hostname = Some(text),
            &["a..b", "999.1.1.1"],
        ),
    ];
    for (path, change, texts) in fields {
        for text in texts {
            let mut platform = sample("minimal");
            change(&mut platform.spec, (*text).to_owned());
            let refused = resolve(&platform, &Observed::default()).expect_err(text);
            let found = &refused.problems[0];
            assert!(found.path.starts_with(path), "{text}: {found}");
        }
    }
}

#[test]
#[ignore = "needs nginx: make test"]
fn nginx_takes_every_proxy_that_the_rules_accept() {
    let proxies = [
        "10.0.0.0/8",
        "10.0.0.1/8",
        "192.0.2.7",
        "fd00::/8",
        "::1",
        "0.0.0.0/0",
        "::/0",
    ];
    let mut platform = sample("minimal");
    platform.spec.gateway.trusted_proxies = proxies.map(str::to_owned).to_vec();
    let accepted = resolved(&platform).spec.gateway.trusted_proxies;
    // It ends before it listens if it cannot read its configuration.
    start_with(|listen, work| {
        let mut config = GatewayConfig::loopback(listen, work);
        config.trusted_proxies.clone_from(&accepted);
        nginx_config(&config)
    });
}

fn collect(schema: &Value, found: &mut impl FnMut(&str)) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        found(rule["message"].as_str().expect("every rule has a message"));
    }
    let below = schema.as_object().into_iter().flat_map(|map| map.values());
    for value in below.chain(schema.as_array().into_iter().flatten()) {
        collect(value, found);
    }
}
