//! What holds for every pod: placement, user ids, meshes, quotas, labels.

use operator_core::api::pods::{JobSettings, PodDefaults, UserIds};
use operator_core::api::{CreatorPlatform, Quantity};
use operator_core::object::{Kind, ObjectKey};
use operator_core::plan::Change;
use operator_core::{Observed, resolve};
use serde_json::{Map, Value, json};

use crate::fixtures::{SAMPLES, sample};
use crate::world::{World, at_rest};

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else {
        panic!("{value} is no object")
    };
    map
}

/// The template of every pod of a platform, by the object that it is in.
fn templates(platform: &CreatorPlatform) -> Vec<(ObjectKey, Value)> {
    let bodies = at_rest(platform).bodies;
    let template = |(key, body): (ObjectKey, Value)| {
        let spec = if key.kind == Kind::CronJob {
            &body["spec"]["jobTemplate"]["spec"]
        } else {
            &body["spec"]
        };
        let template = spec.get("template")?.clone();
        Some((key, template))
    };
    bodies.into_iter().filter_map(template).collect()
}

fn with_defaults(name: &str, defaults: PodDefaults) -> CreatorPlatform {
    let mut platform = sample(name);
    platform.spec.pod_defaults = Some(defaults);
    platform
}

fn placed() -> PodDefaults {
    PodDefaults {
        labels: [("team".to_owned(), "creators".to_owned())].into(),
        annotations: [("example.org/cost".to_owned(), "42".to_owned())].into(),
        node_selector: [("pool".to_owned(), "creators".to_owned())].into(),
        tolerations: vec![map(json!({"key": "dedicated", "operator": "Exists"}))],
        affinity: Some(map(json!({"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
            ]},
        }}))),
        topology_spread_constraints: vec![map(json!({
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
        }))],
        priority_class_name: Some("high".to_owned()),
        user_ids: UserIds::Fixed,
    }
}

pub(crate) fn problems(platform: &CreatorPlatform) -> Vec<String> {
    let problems = resolve(platform, &Observed::default()).err();
    let problems = problems.map(|invalid| invalid.problems).unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_pod_is_placed_as_the_defaults_say() {
    for name in SAMPLES {
        let platform = with_defaults(name, placed());
        for (key, template) in templates(&platform) {
            let (metadata, spec) = (&template["metadata"], &template["spec"]);
            assert_eq!(metadata["labels"]["team"], "creators", "{name} {key}");
            assert_eq!(metadata["annotations"]["example.org/cost"], "42", "{key}");
            assert_eq!(spec["nodeSelector"]["pool"], "creators", "{name} {key}");
            let tolerations = spec["tolerations"].as_array().expect("tolerations");
            let own = json!({"key": "example.org/web", "operator": "Exists"});
            let general = json!({"key": "dedicated", "operator": "Exists"});
            let wanted = if key.name == "academy-channel" {
                own
            } else {
                general
            };
            assert_eq!(*tolerations, [wanted], "{name} {key}");
            assert!(spec["affinity"]["nodeAffinity"].is_object(), "{name} {key}");
            let class = &spec["priorityClassName"];
            let is_own = key.name == "academy-channel";
            assert_eq!(class, if is_own { "interactive" } else { "high" }, "{key}");
            let component = &metadata["labels"]["app.kubernetes.io/component"];
            let spread = spec["topologySpreadConstraints"].as_array();
            let spread = spread.expect("a constraint");
            let zones = spread.iter().find(|one| one["topologyKey"] == "zone");
            let counted = &zones.expect("the one of the defaults")["labelSelector"]["matchLabels"];
            assert_eq!(&counted["app.kubernetes.io/component"], component, "{key}");
        }
    }
}

#[test]
fn a_cluster_of_cloudnativepg_is_placed_as_well() {
    let mut platform = with_defaults("cloudnative-pg", placed());
    let cluster = platform
        .spec
        .postgres
        .cloudnative_pg
        .get_or_insert_default();
    cluster.affinity = Some(map(json!({"podAntiAffinityType": "required"})));
    let world = at_rest(&platform);
    let cluster = world
        .bodies
        .iter()
        .find(|(key, _)| key.kind == Kind::CnpgCluster);
    let spec = &cluster.expect("a cluster").1["spec"];
    let affinity = &spec["affinity"];
    assert_eq!(affinity["nodeSelector"], json!({"pool": "creators"}));
    assert_eq!(affinity["tolerations"][0]["key"], "dedicated");
    assert_eq!(affinity["podAntiAffinityType"], "required");
    assert!(affinity["nodeAffinity"].is_object());
    assert_eq!(spec["priorityClassName"], "high");
    assert_eq!(spec["inheritedMetadata"]["labels"]["team"], "creators");
    let cluster = platform
        .spec
        .postgres
        .cloudnative_pg
        .get_or_insert_default();
    cluster.affinity = Some(map(json!({"hostNetwork": true})));
    assert!(problems(&platform)[0].starts_with("spec.postgres.cloudnativePg.affinity.hostNetwork"));
}

#[test]
fn every_component_has_an_override_of_its_own() {
    let own = || {
        Some(map(
            json!({"spec": {"tolerations": [{"key": "own", "operator": "Exists"}]}}),
        ))
    };
    let job = || {
        Some(JobSettings {
            pod_template: own(),
            ..JobSettings::default()
        })
    };
    let mut platform = with_defaults("full", placed());
    let spec = &mut platform.spec;
    let managed = spec.postgres.managed.get_or_insert_default();
    managed.pod_template = own();
    managed.backup.as_mut().expect("a backup").job = job();
    spec.redis.pod_template = own();
    spec.chroma.pod_template = own();
    spec.ollama.pod_template = own();
    spec.ollama.models_job = job();
    spec.gateway.pod_template = own();
    spec.migrations.job = job();
    for workload in [
        &mut spec.services.auth.workload,
        &mut spec.services.creator_hub.workload,
        &mut spec.services.ai_engine.workload,
        &mut spec.services.channel.workload,
    ] {
        workload.pod_template = own();
    }
    for (key, template) in templates(&platform) {
        assert_eq!(template["spec"]["tolerations"][0]["key"], "own", "{key}");
        assert_eq!(
            template["spec"]["nodeSelector"]["pool"], "creators",
            "{key}"
        );
    }
}

#[test]
fn overrides_of_every_component_have_the_same_bounds() {
    type Set = fn(&mut CreatorPlatform, Map<String, Value>);
    let places: [(&str, Set); 8] = [
        ("spec.postgres.managed", |p, t| {
            p.spec.postgres.managed.get_or_insert_default().pod_template = Some(t);
        }),
        ("spec.redis", |p, t| p.spec.redis.pod_template = Some(t)),
        ("spec.chroma", |p, t| p.spec.chroma.pod_template = Some(t)),
        ("spec.ollama", |p, t| p.spec.ollama.pod_template = Some(t)),
        ("spec.gateway", |p, t| p.spec.gateway.pod_template = Some(t)),
        ("spec.migrations.job", |p, t| {
            p.spec.migrations.job.get_or_insert_default().pod_template = Some(t);
        }),
        ("spec.ollama.modelsJob", |p, t| {
            let job = p.spec.ollama.models_job.get_or_insert_default();
            job.pod_template = Some(t);
        }),
        ("spec.services.auth", |p, t| {
            p.spec.services.auth.workload.pod_template = Some(t);
        }),
    ];
    let refused = [
        (
            json!({"spec": {"hostNetwork": true}}),
            ".spec.hostNetwork: ",
        ),
        (
            json!({"spec": {"serviceAccountName": "x"}}),
            ".spec.serviceAccountName: ",
        ),
        (
            json!({"spec": {"activeDeadlineSeconds": 1}}),
            ".spec.activeDeadlineSeconds: ",
        ),
        (
            json!({"spec": {"tolerations": [{"keey": "x"}]}}),
            ".spec.tolerations[0].keey",
        ),
        (
            json!({"spec": {"tolerations": {}}}),
            "is not a valid pod template",
        ),
        (
            json!({"metadata": {"labels": {"app.kubernetes.io/instance": "x"}}}),
            ".metadata.labels[app.kubernetes.io/instance]: ",
        ),
        (
            json!({"metadata": {"labels": {"creatorplatform.io/x": "x"}}}),
            ".metadata.labels[creatorplatform.io/x]: ",
        ),
        (
            json!({"metadata": {"annotations": {"creatorplatform.io/config-hash": "x"}}}),
            ".metadata.annotations[creatorplatform.io/config-hash]: ",
        ),
        (
            json!({"metadata": {"labels": {"team": "two words"}}}),
            ".metadata.labels[team]: ",
        ),
    ];
    for (path, set) in places {
        for (template, said) in &refused {
            let mut platform = sample("minimal");
            set(&mut platform, map(template.clone()));
            let problems = problems(&platform);
            let found = problems
                .iter()
                .any(|one| one.starts_with(path) && one.contains(said));
            assert!(found, "{path} {template}: {problems:?}");
        }
    }
}

#[test]
fn an_external_store_has_no_pods_to_override() {
    let mut platform = sample("external");
    platform.spec.redis.pod_template = Some(map(json!({"spec": {}})));
    let found = problems(&platform);
    assert!(
        found[0].starts_with("spec.redis.podTemplate: is allowed in mode managed"),
        "{found:?}"
    );
}

#[test]
fn labels_that_are_none_or_the_operators_are_refused_wherever_they_are() {
    let long = "x".repeat(64);
    let bad: [(&str, &str); 7] = [
        ("app.kubernetes.io/instance", "another"),
        ("app.kubernetes.io/managed-by", "helm"),
        ("creatorplatform.io/applied-hash", "x"),
        ("team", "a b"),
        ("team", "-x"),
        ("two words", "x"),
        ("team", &long),
    ];
    for (name, value) in bad {
        let labels = [(name.to_owned(), value.to_owned())];
        let mut platform = sample("minimal");
        platform.spec.monitoring.labels = labels.clone().into();
        let of_monitoring = problems(&platform);
        assert_eq!(of_monitoring.len(), 1, "{name}={value}: {of_monitoring:?}");
        let defaults = PodDefaults {
            labels: labels.into(),
            ..PodDefaults::default()
        };
        let of_pods = problems(&with_defaults("minimal", defaults));
        assert_eq!(of_pods.len(), 1, "{name}={value}: {of_pods:?}");
    }
    let mut platform = sample("minimal");
    let good = [
        ("release", "prometheus"),
        ("example.org/team", "a_b.C-9"),
        ("empty", ""),
    ];
    platform.spec.monitoring.labels = good
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(problems(&platform), Vec::<String>::new());
}

#[test]
fn defaults_that_are_no_fields_of_a_pod_are_refused() {
    let defaults = PodDefaults {
        tolerations: vec![map(json!({"key": "x", "effects": "NoSchedule"}))],
        affinity: Some(map(json!({"nodeAffinities": {}}))),
        ..PodDefaults::default()
    };
    let found = problems(&with_defaults("minimal", defaults));
    assert!(
        found
            .iter()
            .any(|one| one.contains(".spec.tolerations[0].effects")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|one| one.contains(".spec.affinity.nodeAffinities")),
        "{found:?}"
    );
}

#[test]
fn the_namespace_can_assign_every_id() {
    let fixed = templates(&sample("full"));
    for (key, template) in &fixed {
        let context = &template["spec"]["securityContext"];
        assert_eq!(context["runAsUser"], 10_001, "{key}");
        assert_eq!(context["fsGroup"], 10_001, "{key}");
    }
    let defaults = PodDefaults {
        user_ids: UserIds::FromNamespace,
        ..PodDefaults::default()
    };
    for (key, template) in templates(&with_defaults("full", defaults)) {
        let text = template.to_string();
        for field in ["runAsUser", "runAsGroup", "fsGroup\"", "10001"] {
            assert!(!text.contains(field), "{key}: {field}");
        }
        let context = &template["spec"]["securityContext"];
        assert_eq!(context["runAsNonRoot"], true, "{key}");
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault", "{key}");
    }
}

/// PostgreSQL looks its user up, whose id is not known before the pod starts.
#[test]
fn postgres_gets_a_name_for_whatever_user_it_is() {
    let defaults = PodDefaults {
        user_ids: UserIds::FromNamespace,
        ..PodDefaults::default()
    };
    let all = templates(&with_defaults("minimal", defaults));
    let (_, template) = all
        .iter()
        .find(|(key, _)| key.name == "demo-postgres")
        .expect("PostgreSQL");
    let spec = &template["spec"];
    let mounts = spec["containers"][0]["volumeMounts"]
        .as_array()
        .expect("mounts");
    let passwd = mounts
        .iter()
        .find(|mount| mount["mountPath"] == "/etc/passwd");
    let passwd = passwd.expect("a file");
    assert_eq!(
        (&passwd["name"], &passwd["subPath"]),
        (&json!("tmp"), &json!("passwd"))
    );
    let writes = spec["initContainers"][0]["command"][2]
        .as_str()
        .expect("a script");
    let folder = tempfile::tempdir().expect("a folder");
    let script = writes.replace(
        "/tmp/passwd",
        &folder.path().join("passwd").to_string_lossy(),
    );
    let ran = std::process::Command::new("sh")
        .args(["-c", &script])
        .status();
    assert!(ran.expect("a shell").success());
    let written = std::fs::read_to_string(folder.path().join("passwd")).expect("the file");
    let id = |flag: &str| {
        let answer = std::process::Command::new("id")
            .arg(flag)
            .output()
            .expect("id");
        String::from_utf8(answer.stdout)
            .expect("text")
            .trim()
            .to_owned()
    };
    let line = format!("postgres:x:{}:{}::/tmp:/bin/sh", id("-u"), id("-g"));
    assert_eq!(
        written.lines().collect::<Vec<_>>(),
        ["root:x:0:0:root:/root:/bin/sh", &line]
    );
}

fn is_of_a_job(kind: Kind) -> bool {
    matches!(kind, Kind::Job | Kind::CronJob)
}

#[test]
fn pods_that_end_stay_out_of_meshes_and_have_a_deadline() {
    let mut platform = sample("full");
    for (key, template) in templates(&platform) {
        let (metadata, spec) = (&template["metadata"], &template["spec"]);
        let deadline = spec["activeDeadlineSeconds"].as_i64();
        let hours = deadline.map(|seconds| seconds / 3600);
        let wanted = match key.kind {
            Kind::Job if key.name.contains("-models-") => Some(24),
            Kind::Job | Kind::CronJob => Some(6),
            _ => None,
        };
        assert_eq!(hours, wanted, "{key}");
        let istio = metadata["labels"]["sidecar.istio.io/inject"].as_str();
        let linkerd = metadata["annotations"]["linkerd.io/inject"].as_str();
        let out = is_of_a_job(key.kind);
        assert_eq!(istio, out.then_some("false"), "{key}");
        assert_eq!(linkerd, out.then_some("disabled"), "{key}");
    }
    platform.spec.migrations.job = Some(JobSettings {
        deadline: Some("0s".into()),
        pod_template: Some(map(
            json!({"metadata": {"annotations": {"linkerd.io/inject": null}}}),
        )),
        ..JobSettings::default()
    });
    let all = templates(&platform);
    let (_, template) = all
        .iter()
        .find(|(key, _)| key.kind == Kind::Job && key.name.contains("-migrate-"))
        .expect("the migration");
    assert_eq!(template["spec"].get("activeDeadlineSeconds"), None);
    assert_eq!(
        template["metadata"]["annotations"].get("linkerd.io/inject"),
        None
    );
}

/// A quota on limits counts every container, and a range of limits has a least request.
#[test]
fn containers_that_end_have_a_limit_of_cpu_and_all_request_enough_memory() {
    let least = Quantity::from("64Mi");
    for name in SAMPLES {
        for (key, template) in templates(&sample(name)) {
            let spec = &template["spec"];
            let lists = ["initContainers", "containers"];
            let lists = lists.map(|list| spec[list].as_array().cloned().unwrap_or_default());
            let [init, main] = lists;
            for container in init.iter().chain(&main) {
                let requested = container["resources"]["requests"]["memory"].as_str();
                let requested = Quantity::from(requested.expect("a request"));
                assert!(requested >= least, "{name} {key}: {requested}");
            }
            let ending = if is_of_a_job(key.kind) {
                main
            } else {
                Vec::new()
            };
            for container in init.iter().chain(&ending) {
                let limit = &container["resources"]["limits"]["cpu"];
                assert_eq!(limit, "1", "{name} {key} {}", container["name"]);
            }
        }
    }
    let mut platform = sample("full");
    let resources = serde_json::from_value(json!({
        "requests": {"cpu": "2", "memory": "128Mi"}, "limits": {"cpu": "3", "memory": "1Gi"},
    }));
    let job = JobSettings {
        resources: resources.expect("resources"),
        ..JobSettings::default()
    };
    platform.spec.migrations.job = Some(job.clone());
    platform.spec.ollama.models_job = Some(job.clone());
    let managed = platform.spec.postgres.managed.as_mut().expect("managed");
    managed.backup.as_mut().expect("a backup").job = Some(job);
    for (key, template) in templates(&platform) {
        if is_of_a_job(key.kind) {
            let resources = &template["spec"]["containers"][0]["resources"];
            let wanted = json!({
                "requests": {"cpu": "2", "memory": "128Mi"},
                "limits": {"cpu": "3", "memory": "1Gi"},
            });
            assert_eq!(*resources, wanted, "{key}");
        }
    }
}

/// The migration waits for a node that its pod does not tolerate, until the spec says it does.
#[test]
fn a_job_that_has_not_begun_is_made_again_when_its_template_changes() {
    let mut platform = sample("minimal");
    let mut world = at_rest(&platform);
    let key = world
        .bodies
        .keys()
        .find(|key| key.kind == Kind::Job && key.name.contains("-migrate-"))
        .expect("the migration")
        .clone();
    platform.spec.pod_defaults = Some(placed());
    let change = |world: &World, platform: &CreatorPlatform| {
        let plan = world.plan(platform);
        let item = plan.items().find(|item| item.key == key).expect("planned");
        item.change.clone()
    };
    assert_eq!(change(&world, &platform), Change::None, "it did its work");
    world.set_status(&key, json!({"active": 1, "ready": 1}));
    assert_eq!(change(&world, &platform), Change::None, "it works");
    for status in [json!({"active": 1, "ready": 0}), json!({})] {
        world.set_status(&key, status.clone());
        let found = change(&world, &platform);
        assert!(matches!(found, Change::Replace(_)), "{status}: {found:?}");
        assert_eq!(
            change(&world, &sample("minimal")),
            Change::None,
            "nothing changed"
        );
    }
}
