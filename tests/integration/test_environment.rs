//! The contract that joins the halves: what the operator writes, the services accept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use operator_core::Observed;
use operator_core::api::CreatorPlatform;
use operator_core::plan::Desired;
use serde_json::Value;
use shared_config::{Call, Reader, Service, keys};

/// Every platform among the samples, by file name.
pub(crate) fn samples() -> Vec<(String, CreatorPlatform)> {
    let folder = platform_tests::root().join("crds/samples");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let value: Value = serde_yaml_ng::from_str(&text).unwrap();
        (value["kind"] == "CreatorPlatform").then(|| {
            (
                name,
                serde_json::from_value::<CreatorPlatform>(value).unwrap(),
            )
        })
    };
    files.into_iter().filter_map(read).collect()
}

/// The environment of each container that the plan of a sample starts, by its command.
pub(crate) fn environments(
    platform: &CreatorPlatform,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut platform = platform.clone();
    platform.metadata.namespace = Some("creator".to_owned());
    platform.metadata.uid = Some("0190a5e0-0000-4000-8000-000000000000".to_owned());
    platform.metadata.generation = Some(1);
    let observed = Observed::default();
    let resolved = operator_core::resolve(&platform, &observed).unwrap();
    let plan = operator_core::plan(&resolved, &observed);
    let mut found = BTreeMap::new();
    for item in plan.items() {
        let body = match &item.desired {
            Desired::Apply(body) | Desired::CreateOnce(body) => body,
            Desired::Secret { .. } => continue,
        };
        for container in body["spec"]["template"]["spec"]["containers"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let words = |name: &str| {
                let list = container[name].as_array().into_iter().flatten();
                list.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
            };
            found.insert(words("command"), environment(container));
        }
    }
    found
}

/// Variables of a container; what comes from a Secret is filled with something of its kind.
fn environment(container: &Value) -> BTreeMap<String, String> {
    let variables = container["env"].as_array().into_iter().flatten();
    let read = |variable: &Value| {
        let name = variable["name"].as_str().unwrap().to_owned();
        let given = variable["value"].as_str();
        let value = given.unwrap_or_else(|| of_a_secret(&name)).to_owned();
        (name, value)
    };
    variables.map(read).collect()
}

/// What somebody would have put into the Secret: a random key, but for a mail server.
fn of_a_secret(name: &str) -> &'static str {
    match name {
        keys::DATABASE_CA | keys::REDIS_CA => "-----BEGIN CERTIFICATE-----",
        keys::SMTP_HOST => "mail.example.org",
        keys::SMTP_PORT => "587",
        keys::SMTP_TLS => "starttls",
        keys::SMTP_FROM => "platform@example.org",
        keys::MAIL_LINK_BASE => "https://app.example.org",
        _ => "bm90IGEgcmVhbCBzZWNyZXQsIDMyIGJ5dGVzIGxvbmc=",
    }
}

fn accept(service: Service, reader: Reader) -> Result<(), String> {
    let accepted = match service {
        Service::Auth => auth_service::Config::from_reader(reader).map(|_| ()),
        Service::CreatorHub => creator_hub_service::Config::from_reader(reader).map(|_| ()),
        Service::AiEngine => ai_engine_service::Config::from_reader(reader).map(|_| ()),
        Service::Channel => channel_service::Config::from_reader(reader).map(|_| ()),
    };
    accepted.map_err(|problems| problems.to_string())
}

#[test]
fn every_service_accepts_what_the_operator_writes() {
    let samples = samples();
    assert!(samples.len() >= 5, "the samples are there");
    for (sample, platform) in samples {
        let environments = environments(&platform);
        for service in Service::ALL {
            let command = format!("{} serve", service.binary());
            let environment = environments.get(&command).unwrap_or_else(|| {
                panic!(
                    "{sample}: no container runs {command}: {:?}",
                    environments.keys()
                )
            });
            let accepted = accept(service, Reader::from_map(environment.clone()));
            assert_eq!(accepted, Ok(()), "{sample}: {command}");
        }
        let migrate = &environments["migrate"];
        let accepted = shared_db::migrate::Settings::from_reader(Reader::from_map(migrate.clone()));
        assert!(accepted.is_ok(), "{sample}: migrate: {accepted:?}");
    }
}

#[test]
fn every_variable_that_the_operator_writes_is_one_of_the_contract() {
    let keys = include_str!("../../shared/config/src/keys.rs");
    let of_backups = include_str!("../../shared/config/src/backup.rs");
    let known: BTreeSet<&str> = keys
        .lines()
        .chain(of_backups.lines())
        .filter_map(|line| {
            line.split_once("&str = \"")
                .map(|(_, rest)| rest.trim_end_matches("\";"))
        })
        .collect();
    for (sample, platform) in samples() {
        for (command, environment) in environments(&platform) {
            let ours = Service::ALL
                .iter()
                .any(|service| command.starts_with(service.binary()));
            let others = ["migrate", "backup"].contains(&command.as_str());
            if ours || others {
                // `env` of the spec is the platform engineer's own; the samples set one variable.
                for name in environment.keys().filter(|name| *name != "TZ") {
                    let is_known = known.contains(name.as_str()) || keys::is_of_model_server(name);
                    assert!(is_known, "{sample}: {command}: {name}");
                }
            }
        }
    }
}

#[test]
fn a_missing_variable_is_found() {
    let (_, platform) = samples().into_iter().next().unwrap();
    let environments = environments(&platform);
    for service in Service::ALL {
        let whole = &environments[&format!("{} serve", service.binary())];
        let mut without = whole.clone();
        let key = Call::of(service).next().unwrap().key;
        without.remove(key);
        let problem = accept(service, Reader::from_map(without)).unwrap_err();
        assert!(problem.contains(key), "{problem}");
    }
}
