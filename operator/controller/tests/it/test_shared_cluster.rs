//! A cluster in which others write, too: policies in the API server, people, autoscalers, and a
//! storage class that refuses to expand.

use std::time::Duration;

use futures_util::StreamExt;
use kube::api::{
    ApiResource, DynamicObject, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::{Api, ResourceExt};
use operator_core::object::Kind;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::world::{Operator, World, condition, is_ready, sample};

/// The JSON patches of admission policies, as CEL.
const POLICIES: [(&str, &str); 4] = [
    (
        "requests",
        r#"[JSONPatch{op: "replace",
            path: "/spec/template/spec/containers/0/resources/requests/cpu", value: "55m"}]"#,
    ),
    (
        "variable",
        r#"!has(object.spec.template.spec.containers[0].env) ? [JSONPatch{op: "add",
            path: "/spec/template/spec/containers/0/env",
            value: [Object.spec.template.spec.containers.env{name: "HTTP_PROXY", value: "p"}]}]
            : object.spec.template.spec.containers[0].env
                .exists(one, one.name == "HTTP_PROXY") ? [] : [JSONPatch{op: "add",
            path: "/spec/template/spec/containers/0/env/0",
            value: Object.spec.template.spec.containers.env{name: "HTTP_PROXY", value: "p"}}]"#,
    ),
    (
        "label",
        r#"[JSONPatch{op: "add",
            path: "/metadata/labels/" + jsonpatch.escapeKey("app.kubernetes.io/part-of"),
            value: "our-company"}]"#,
    ),
    (
        "toleration",
        r#"[JSONPatch{op: "add", path: "/spec/template/spec/tolerations",
            value: [Object.spec.template.spec.tolerations{key: "spot", operator: "Exists"}]}]"#,
    ),
];

/// Makes a policy for the workloads of the world's namespace and waits until it is in force.
async fn enforce(world: &World, name: &str, expression: &str) {
    let name = format!("{name}-{}", world.namespace);
    let apply = PatchParams::apply("test").force();
    for (kind, plural, spec) in policy(&world.namespace, &name, expression) {
        let version = "admissionregistration.k8s.io/v1";
        let resource = ApiResource {
            group: "admissionregistration.k8s.io".to_owned(),
            version: "v1".to_owned(),
            api_version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        let api: Api<DynamicObject> = Api::all_with(world.client.clone(), &resource);
        let metadata = json!({"name": name});
        let body = json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec});
        let patch = Patch::Apply(&body);
        api.patch(&name, &apply, &patch).await.unwrap();
    }
    let is_in_force = async || {
        let body = probe();
        let deployments = world.api(Kind::Deployment);
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::apply("probe")
        };
        let patch = Patch::Apply(&body);
        let seen = deployments.patch("probe", &params, &patch).await.ok()?;
        let changed = seen.data["spec"]["template"] != body["spec"]["template"]
            || seen.labels()["app.kubernetes.io/part-of"] != "probe";
        changed.then_some(())
    };
    world.until_some("the policy in force", is_in_force).await;
}

/// Kind, plural and spec of a policy and of its binding to a namespace.
fn policy(
    namespace: &str,
    name: &str,
    expression: &str,
) -> [(&'static str, &'static str, Value); 2] {
    let policy = json!({
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [{
            "apiGroups": ["apps"], "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["deployments", "statefulsets"],
        }]},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    });
    let binding = json!({
        "policyName": name,
        "matchResources": {"namespaceSelector": {"matchLabels":
            {"kubernetes.io/metadata.name": namespace}}},
    });
    [
        (
            "MutatingAdmissionPolicy",
            "mutatingadmissionpolicies",
            policy,
        ),
        (
            "MutatingAdmissionPolicyBinding",
            "mutatingadmissionpolicybindings",
            binding,
        ),
    ]
}

/// A Deployment that is never stored.
fn probe() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "probe", "labels": {"app.kubernetes.io/part-of": "probe"}},
        "spec": {
            "selector": {"matchLabels": {"app": "probe"}},
            "template": {
                "metadata": {"labels": {"app": "probe"}},
                "spec": {
                    "containers": [{
                        "name": "probe", "image": "probe:1",
                        "imagePullPolicy": "IfNotPresent",
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                        "env": [{"name": "ONE", "value": "1"}],
                        "resources": {"requests": {"cpu": "50m"}},
                    }],
                    "restartPolicy": "Always",
                    "terminationGracePeriodSeconds": 30,
                    "dnsPolicy": "ClusterFirst",
                    "securityContext": {},
                    "schedulerName": "default-scheduler",
                },
            },
        },
    })
}

/// Ready, and then no write for a while.
async fn rests(world: &World, operator: &Operator, name: &str) {
    world.until_ready(name).await;
    operator.settled().await;
    operator.calls.clear();
    world.look_again(name).await;
    sleep(Duration::from_secs(3)).await;
    let writes = operator.calls.writes();
    assert!(writes.is_empty(), "{writes:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_platform_becomes_ready_and_rests_under_policies_that_change_its_objects() {
    for (policy, expression) in POLICIES {
        let world = World::bare(&format!("policy-{policy}")).await;
        enforce(&world, policy, expression).await;
        let _stand_in = world.stand_in();
        let operator = world.operator();
        let name = world.apply_sample("minimal").await;
        rests(&world, &operator, &name).await;
        // A change still arrives.
        let change = json!({"spec": {"services": {"auth": {"replicas": 2}}}});
        world.merge(&name, change).await;
        world.until(&name, "ready with two", is_ready).await;
        let auth = world
            .api(Kind::Deployment)
            .get(&format!("{name}-auth"))
            .await
            .unwrap();
        assert_eq!(auth.data["spec"]["replicas"], 2, "{policy}");
        rests(&world, &operator, &name).await;
        operator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn what_a_person_adds_is_shown_and_removed_on_request() {
    let world = World::bare("additions").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    let added = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "auth", "env": [{"name": "DEBUG", "value": "1"}]},
        {"name": "sidecar", "image": "mesh/proxy:1"},
    ]}}}});
    let auth = format!("{name}-auth");
    let deployments = world.api(Kind::Deployment);
    let person = PatchParams {
        field_manager: Some("kubectl-edit".to_owned()),
        ..Default::default()
    };
    deployments
        .patch(&auth, &person, &Patch::Strategic(&added))
        .await
        .unwrap();
    rests(&world, &operator, &name).await;
    world
        .until(&name, "shown", |platform| {
            let additions = platform
                .status
                .as_ref()
                .map(|status| status.additions.join("\n"));
            let additions = additions.unwrap_or_default();
            additions.contains("env[DEBUG]") && additions.contains("containers[sidecar]")
        })
        .await;
    world
        .merge(&name, json!({"spec": {"drift": "repair"}}))
        .await;
    world
        .until_some("removed", async || {
            let found = deployments.get(&auth).await.ok()?;
            let pod = found.data["spec"]["template"]["spec"].to_string();
            (!pod.contains("DEBUG") && !pod.contains("sidecar")).then_some(())
        })
        .await;
    rests(&world, &operator, &name).await;

    // A port of a Service under another number, which an apply alone cannot mend.
    let services = world.api(Kind::Service);
    let mut edited = services.get(&auth).await.unwrap();
    let before = edited.data["spec"]["ports"].clone();
    edited.data["spec"]["ports"][0]["port"] = json!(8111);
    services
        .replace(&auth, &PostParams::default(), &edited)
        .await
        .unwrap();
    world
        .until_some("the port put right", async || {
            let found = services.get(&auth).await.ok()?;
            (found.data["spec"]["ports"] == before).then_some(())
        })
        .await;
    rests(&world, &operator, &name).await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn values_that_the_server_writes_in_another_way_are_no_difference() {
    let world = World::bare("normalized").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let mut platform = sample("minimal");
    platform["spec"]["services"]["auth"]["podTemplate"] = json!({"spec": {
        "tolerations": [],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1024Mi"}}],
        "containers": [{"name": "auth", "env": [{"name": "EMPTY", "value": ""}],
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch", "readOnly": false}]}],
    }});
    world.apply(&platform).await;
    let name = platform["metadata"]["name"].as_str().unwrap();
    rests(&world, &operator, name).await;
    operator.stop().await;
}

/// The field managers of the number of replicas.
fn owners_of_replicas(deployment: &DynamicObject) -> Vec<&str> {
    let entries = deployment.managed_fields().iter().filter(|entry| {
        let fields = entry.fields_v1.as_ref();
        fields.is_some_and(|fields| !fields.0["f:spec"]["f:replicas"].is_null())
    });
    entries
        .filter_map(|entry| entry.manager.as_deref())
        .collect()
}

fn replicas_in(event: &WatchEvent<DynamicObject>) -> Option<i64> {
    match event {
        WatchEvent::Modified(changed) => changed.data["spec"]["replicas"].as_i64(),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn replicas_pass_to_an_autoscaler_without_falling_to_one() {
    let world = World::bare("to-autoscaling").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let mut platform = sample("minimal");
    platform["spec"]["services"]["channel"]["replicas"] = json!(5);
    world.apply(&platform).await;
    let name = platform["metadata"]["name"].as_str().unwrap();
    world.until_ready(name).await;
    let channel = format!("{name}-channel");
    let deployments = world.api(Kind::Deployment);
    let selector = format!("metadata.name={channel}");
    let params = WatchParams::default().fields(&selector);
    let before = deployments.get(&channel).await.unwrap();
    let version = before.resource_version().unwrap();
    let changes = deployments.watch(&params, &version).await.unwrap();
    let scaling = json!({"spec": {"services": {"channel":
        {"replicas": null, "autoscaling": {"min": 3, "max": 8}}}}});
    world.merge(name, scaling).await;
    let scalers = world.api(Kind::HorizontalPodAutoscaler);
    world
        .until_some("an autoscaler", async || scalers.get(&channel).await.ok())
        .await;
    rests(&world, &operator, name).await;
    let after = deployments.get(&channel).await.unwrap();
    assert_eq!(after.data["spec"]["replicas"], 5);
    let owners = owners_of_replicas(&after);
    assert_eq!(owners, ["creator-operator-replicas"], "no longer ours");
    // Every state that the Deployment had in between.
    let observed: Vec<i64> = changes
        .take_until(sleep(Duration::from_secs(1)))
        .filter_map(async |event| replicas_in(&event.ok()?))
        .collect()
        .await;
    let all_five = observed.iter().all(|number| *number == 5);
    assert!(!observed.is_empty() && all_five, "{observed:?}");

    // The autoscaler scales, and later the number is the spec's again.
    let scale = json!({"spec": {"replicas": 7}});
    let controller = PatchParams {
        field_manager: Some("kube-controller-manager".to_owned()),
        ..Default::default()
    };
    deployments
        .patch_scale(&channel, &controller, &Patch::Merge(&scale))
        .await
        .unwrap();
    rests(&world, &operator, name).await;
    let found = deployments.get(&channel).await.unwrap();
    assert_eq!(found.data["spec"]["replicas"], 7);
    let fixed = json!({"spec": {"services": {"channel": {"replicas": 2, "autoscaling": null}}}});
    world.merge(name, fixed).await;
    world
        .until_some("two replicas", async || {
            let found = deployments.get(&channel).await.ok()?;
            (found.data["spec"]["replicas"] == 2).then_some(())
        })
        .await;
    assert!(scalers.get_opt(&channel).await.unwrap().is_none());
    rests(&world, &operator, name).await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_volume_that_cannot_grow_stops_nothing_and_its_size_can_be_taken_back() {
    let world = World::bare("no-growth").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let mut platform = sample("minimal");
    platform["spec"]["redis"]["storage"] = json!({"size": "256Mi", "className": "rigid"});
    world.apply(&platform).await;
    let name = platform["metadata"]["name"].as_str().unwrap();
    world.until_ready(name).await;
    let claims = world.api(Kind::PersistentVolumeClaim);
    let redis = format!("{name}-redis");
    let bound = json!({"status": {"phase": "Bound", "capacity": {"storage": "256Mi"}}});
    claims
        .patch_status(&redis, &PatchParams::default(), &Patch::Merge(&bound))
        .await
        .unwrap();
    // There is no such class, so that the API server refuses the growth.
    let grown = json!({"spec": {
        "redis": {"storage": {"size": "512Mi"}}, "services": {"auth": {"replicas": 3}},
    }});
    world.merge(name, grown).await;
    world
        .until(name, "refused", |platform| {
            condition(platform, "Stalled").is_some_and(|stalled| {
                stalled.reason == "ApplyFailed" && stalled.message.contains(&redis)
            })
        })
        .await;
    let deployments = world.api(Kind::Deployment);
    world
        .until_some("the other change", async || {
            let found = deployments.get(&format!("{name}-auth")).await.ok()?;
            (found.data["spec"]["replicas"] == 3).then_some(())
        })
        .await;
    let back = json!({"spec": {"redis": {"storage": {"size": "256Mi"}}}});
    world.merge(name, back).await;
    rests(&world, &operator, name).await;
    let claim = claims.get(&redis).await.unwrap();
    assert_eq!(
        claim.data["spec"]["resources"]["requests"]["storage"],
        "256Mi"
    );
    operator.stop().await;
}
