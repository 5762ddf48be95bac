//! Model servers: what ai-engine gets of them, and what a missing Secret stops.

use operator_core::api::condition::ConditionStatus::{False, True};
use operator_core::api::ollama::Ollama;
use operator_core::api::workload::Variable;
use operator_core::api::{Condition, CreatorPlatform};
use operator_core::component::Component;
use operator_core::object::{Kind, ObjectKey};
use operator_core::plan::{Change, Gate};
use operator_core::reason::Reason;
use operator_core::status::{Applied, Outcome, Planned, status};
use operator_core::{Observed, resolve};
use serde_json::{Value, json};
use shared_config::Service;

use crate::fixtures::{resolved, sample};
use crate::world::{World, at_rest};

const SAMPLE: &str = "model-servers";
/// Of the sample.
const SECRET: &str = "model-servers";

fn deployment() -> ObjectKey {
    ObjectKey::new(Kind::Deployment, "servers-ai-engine")
}

fn environment(world: &World) -> Vec<Value> {
    let body = &world.bodies[&deployment()];
    let container = &body["spec"]["template"]["spec"]["containers"][0];
    container["env"].as_array().expect("a list").clone()
}

fn variable<'a>(environment: &'a [Value], name: &str) -> &'a Value {
    let mut all = environment.iter();
    all.find(|variable| variable["name"] == name).expect(name)
}

#[test]
fn ai_engine_gets_the_servers_in_order_and_secrets_by_reference_only() {
    let world = at_rest(&sample(SAMPLE));
    let environment = environment(&world);
    let listed = variable(&environment, "MODEL_SERVERS")["value"].as_str();
    let listed: Value = serde_json::from_str(listed.expect("text")).expect("JSON");
    let names: Vec<&str> = listed
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|server| server["name"].as_str())
        .collect();
    assert_eq!(names, ["vllm", "hosted"]);
    assert_eq!(listed[0]["needsKey"], false);
    assert_eq!(listed[0]["models"][1]["use"], "embeddings");
    assert_eq!(listed[1]["needsKey"], true);
    assert_eq!(listed[1]["needsCa"], true);
    assert!(listed[1].get("apiKeySecretRef").is_none(), "{listed}");
    for (name, key) in [
        ("MODEL_SERVER_KEY_HOSTED", "hosted"),
        ("MODEL_SERVER_CA_HOSTED", "ca.crt"),
    ] {
        let reference = json!({"name": SECRET, "key": key, "optional": true});
        let found = variable(&environment, name);
        assert_eq!(found["valueFrom"]["secretKeyRef"], reference);
    }
}

#[test]
fn without_model_servers_nothing_is_different() {
    let world = at_rest(&sample("minimal"));
    let key = ObjectKey::new(Kind::Deployment, "demo-ai-engine");
    let text = world.bodies[&key].to_string();
    assert!(!text.contains("MODEL_SERVER"), "{text}");
}

/// The world after as many looks as an installation takes.
fn without_secret(platform: &CreatorPlatform) -> World {
    let mut world = World::rich();
    world.observed.secrets.remove(SECRET);
    for _ in 0..10 {
        world.step(platform);
    }
    world
}

#[test]
fn a_missing_secret_is_named_and_everything_else_is_installed() {
    let platform = sample(SAMPLE);
    let world = without_secret(&platform);
    let plan = world.plan(&platform);
    assert!(
        plan.items().all(|item| item.change == Change::None),
        "everything is applied"
    );
    let ai_engine = Component::Service(Service::AiEngine);
    let part = plan.part(ai_engine).expect("a part");
    let Gate::Waiting(waits) = &part.gate else {
        panic!("it must wait")
    };
    let others = plan.parts.iter().filter(|part| part.component != ai_engine);
    for part in others {
        assert_eq!(part.gate, Gate::Open, "{:?}", part.component);
    }
    let said: Vec<_> = waits.iter().map(|wait| wait.message.as_str()).collect();
    for (wait, key) in waits.iter().zip(["hosted", "ca.crt"]) {
        assert_eq!(wait.reason, Reason::SecretNotFound);
        let words = format!(
            "Secret {SECRET} of the model server hosted does not exist or has no key {key}."
        );
        assert!(wait.message.starts_with(&words), "{said:?}");
    }
    assert_eq!(waits.len(), 2, "{said:?}");
}

#[test]
fn the_condition_of_ai_engine_says_what_is_missing() {
    let platform = sample(SAMPLE);
    let world = without_secret(&platform);
    let (resolved, plan) = (resolved(&platform), world.plan(&platform));
    let planned = Planned {
        resolved: &resolved,
        observed: &world.observed,
        plan: &plan,
    };
    let applied = Applied::default();
    let outcome = Outcome::Applied(planned, &applied);
    let now = jiff::Timestamp::from_second(1_800_000_000).expect("a time");
    let status = status(None, 1, &outcome, now);
    let condition = |kind: &str| -> &Condition {
        let mut all = status.conditions.iter();
        all.find(|found| found.kind == kind).expect(kind)
    };
    for kind in ["Ready", "AiEngineReady"] {
        let found = condition(kind);
        assert_eq!(found.status, False, "{kind}");
        assert_eq!(found.reason, "SecretNotFound", "{kind}");
        assert!(found.message.contains("hosted"), "{}", found.message);
    }
    for kind in ["AuthReady", "ChannelReady", "GatewayReady", "OllamaReady"] {
        assert_eq!(condition(kind).status, True, "{kind}");
    }
}

#[test]
fn a_secret_that_appears_or_is_rotated_rolls_ai_engine_alone() {
    let platform = sample(SAMPLE);
    let changed = |world: &World| -> Vec<String> {
        let plan = world.plan(&platform);
        let items = plan.items().filter(|item| item.change != Change::None);
        items.map(|item| item.key.to_string()).collect()
    };
    let mut appeared = without_secret(&platform);
    let facts = World::rich().observed.secrets[SECRET].clone();
    appeared.observed.secrets.insert(SECRET.to_owned(), facts);
    assert_eq!(changed(&appeared), ["Deployment servers-ai-engine"]);
    appeared.converge(&platform);

    let mut rotated = at_rest(&platform);
    assert_eq!(changed(&rotated), Vec::<String>::new());
    let facts = rotated.observed.secrets.get_mut(SECRET).expect("the facts");
    facts.keys.insert("hosted".to_owned(), "another".to_owned());
    assert_eq!(changed(&rotated), ["Deployment servers-ai-engine"]);
}

/// The rules of ai-engine's policy that are there because of a server at that URL.
fn egress(url: &str) -> Vec<Value> {
    let rules = |platform: &CreatorPlatform| -> Vec<Value> {
        let world = at_rest(platform);
        let key = ObjectKey::new(Kind::NetworkPolicy, "servers-ai-engine");
        let rules = world.bodies[&key]["spec"]["egress"].clone();
        rules.as_array().expect("rules").clone()
    };
    let mut platform = sample(SAMPLE);
    platform.spec.model_servers.truncate(1);
    url.clone_into(&mut platform.spec.model_servers[0].url);
    let with = rules(&platform);
    platform.spec.model_servers.clear();
    let without = rules(&platform);
    with.into_iter()
        .filter(|rule| !without.contains(rule))
        .collect()
}

#[test]
fn the_policy_allows_the_servers_and_as_little_else_as_it_can() {
    let any_port = json!([{"protocol": "TCP"}]);
    let namespace = |name: &str| {
        let labels = json!({"kubernetes.io/metadata.name": name});
        json!([{"namespaceSelector": {"matchLabels": labels}}])
    };
    for (url, name) in [
        ("http://vllm.models.svc:8000/v1", "models"),
        ("http://vllm.models.svc.cluster.local", "models"),
        ("http://vllm:8000/v1", "default"),
    ] {
        let rule = json!({"to": namespace(name), "ports": any_port});
        assert_eq!(egress(url), [rule], "{url}");
    }
    let address = json!({
        "to": [{"ipBlock": {"cidr": "10.20.0.9/32"}}],
        "ports": [{"port": 8000, "protocol": "TCP"}],
    });
    assert_eq!(egress("http://10.20.0.9:8000/v1"), [address]);
    let none: [Value; 0] = [];
    assert_eq!(egress("http://localhost:8000/v1"), none);
    assert_eq!(egress("http://127.0.0.1:8000/v1"), none);

    let named = egress("https://models.example.org/v1");
    assert_eq!(named.len(), 1, "{named:?}");
    assert_eq!(named[0]["ports"], json!([{"port": 443, "protocol": "TCP"}]));
    let blocks = named[0]["to"].as_array().expect("blocks");
    assert_eq!(blocks[0]["ipBlock"]["cidr"], "0.0.0.0/0");
    let except = blocks[0]["ipBlock"]["except"].as_array().expect("a list");
    for range in ["169.254.0.0/16", "127.0.0.0/8", "100.100.100.200/32"] {
        assert!(except.contains(&json!(range)), "{range}: {except:?}");
    }
    assert!(!except.contains(&json!("10.0.0.0/8")), "{except:?}");
}

#[test]
fn variables_of_model_servers_cannot_be_set_by_hand() {
    for name in ["MODEL_SERVERS", "MODEL_SERVER_KEY_VLLM"] {
        let mut platform = sample(SAMPLE);
        let given = Variable {
            name: name.to_owned(),
            value: Some("x".to_owned()),
            secret_key_ref: None,
        };
        platform.spec.services.ai_engine.workload.env = vec![given];
        let invalid = resolve(&platform, &Observed::default()).expect_err(name);
        assert!(invalid.to_string().contains(name), "{invalid}");
    }
}

#[test]
fn vectors_of_another_model_are_refused() {
    let mut platform = sample(SAMPLE);
    let served = &mut platform.spec.model_servers[0].models[1];
    "all-minilm".clone_into(&mut served.name);
    let invalid = resolve(&platform, &Observed::default()).expect_err("another model");
    let said = invalid.to_string();
    assert!(
        said.starts_with("spec.modelServers[vllm].models: "),
        "{said}"
    );
    assert!(
        said.contains("all-minilm cannot make embeddings beside nomic-embed-text"),
        "{said}"
    );
    // The default of ollama.models counts, too.
    platform.spec.ollama = Ollama::default();
    "nomic-embed-text".clone_into(&mut platform.spec.model_servers[0].models[1].name);
    assert!(resolve(&platform, &Observed::default()).is_ok());
}
