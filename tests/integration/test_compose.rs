//! compose.yaml repeats ports, images, models and the password of the database: it says the same as
//! the places that own them.

use std::collections::BTreeMap;

use operator_core::api::images::Images;
use operator_core::api::ollama::{ModelUse, Ollama};
use serde_json::Value;
use shared_config::{Store, wiring};

fn read(path: &str) -> String {
    std::fs::read_to_string(platform_tests::root().join(path)).unwrap()
}

fn compose() -> Value {
    serde_yaml_ng::from_str(&read("compose.yaml")).unwrap()
}

/// Each service of the file with its settings.
fn services() -> BTreeMap<String, Value> {
    serde_json::from_value(compose()["services"].clone()).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

#[test]
fn the_file_holds_the_stores_the_models_and_the_gateway() {
    let names: Vec<String> = services().into_keys().collect();
    let mut expected = vec!["gateway", "models"];
    expected.extend(Store::ALL.map(Store::name));
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn images_are_the_defaults_of_the_operator() {
    let services = services();
    let images = Images::default();
    for (service, image) in [
        ("postgres", &images.postgres),
        ("redis", &images.redis),
        ("chroma", &images.chroma),
        ("ollama", &images.ollama),
        ("models", &images.ollama),
        ("gateway", &images.nginx),
    ] {
        assert_eq!(services[service]["image"], **image, "{service}");
    }
    // What is built where no registry is in reach has the same version.
    let pins = read("tests/cluster/pins");
    for (name, image) in [("CHROMA", images.chroma), ("OLLAMA", images.ollama)] {
        let (_, version) = image.rsplit_once(':').unwrap();
        assert!(pins.contains(&format!("{name}={version}\n")), "{name}");
    }
}

#[test]
fn every_store_is_published_on_the_loopback_at_its_usual_port() {
    let services = services();
    for store in Store::ALL {
        let port = store.port();
        assert_eq!(
            strings(&services[store.name()]["ports"]),
            [format!("127.0.0.1:{port}:{port}")],
            "{}",
            store.name()
        );
    }
    assert!(services["models"]["ports"].is_null());
    // It shares the network of the machine; its configuration says where it listens.
    assert!(services["gateway"]["ports"].is_null());
    assert_eq!(services["gateway"]["network_mode"], "host");
    let probe = services["gateway"]["healthcheck"].to_string();
    let address = format!("/dev/tcp/127.0.0.1/{}", wiring::GATEWAY_CONTAINER_PORT);
    assert!(probe.contains(&address), "{probe}");
}

#[test]
fn everything_that_keeps_running_has_a_health_check_and_every_store_a_volume() {
    let file = compose();
    for (name, service) in services() {
        let one_shot = name == "models";
        assert_eq!(service["healthcheck"].is_null(), one_shot, "{name}");
    }
    for store in Store::ALL {
        let mounts = services()[store.name()]["volumes"].clone();
        let [mount] = strings(&mounts)[..] else {
            panic!("{}: one volume", store.name());
        };
        let (volume, _) = mount.split_once(':').unwrap();
        assert!(file["volumes"].get(volume).is_some(), "{volume} is named");
    }
}

#[test]
fn models_are_the_defaults_of_the_operator() {
    let environment = services()["models"]["environment"].clone();
    for (variable, purpose) in [
        ("CHAT_MODEL", ModelUse::Chat),
        ("EMBEDDING_MODEL", ModelUse::Embedding),
    ] {
        let models = Ollama::default().models;
        let model = models.iter().find(|m| m.purpose == purpose).unwrap();
        // tests/stores/engine reads the names from here too.
        let expected = format!("${{{variable}:-{}}}", model.name);
        assert_eq!(environment[variable], expected);
    }
}

#[test]
fn the_scripts_know_the_password_and_the_addresses() {
    let services = services();
    let password = &services["postgres"]["environment"]["POSTGRES_PASSWORD"];
    let password = password.as_str().unwrap();
    for script in ["start", "up", "migrate"] {
        let text = read(&format!("tests/stores/{script}"));
        assert!(text.contains(password), "tests/stores/{script}");
    }
    let start = read("tests/stores/start");
    for store in Store::ALL {
        let address = format!("127.0.0.1:{}", store.port());
        assert!(start.contains(&address), "tests/stores/start: {address}");
    }
    let dev = read("tests/stores/dev");
    for service in shared_config::Service::ALL {
        let port = format!(" {}\"", service.port());
        assert!(dev.contains(&port), "tests/stores/dev: {}", service.name());
    }
    let internal = format!("127.0.0.1:{}", wiring::AUTH_INTERNAL_PORT);
    assert!(dev.contains(&internal), "tests/stores/dev: {internal}");
}

#[test]
fn settings_of_the_stores_are_those_of_the_processes() {
    let services = services();
    let up = read("tests/stores/up");
    for setting in strings(&services["postgres"]["command"]) {
        assert!(up.contains(setting), "tests/stores/up: {setting}");
    }
    for (option, value) in [("--maxmemory-policy", "noeviction"), ("--save", "\"\"")] {
        assert!(up.contains(&format!("{option} {value}")), "{option}");
        let command = services["redis"]["command"].clone();
        let words = strings(&command);
        let at = words.iter().position(|word| *word == option).unwrap();
        assert_eq!(words[at + 1], value.trim_matches('"'), "{option}");
    }
}
