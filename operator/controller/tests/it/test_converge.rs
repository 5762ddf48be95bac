//! From a spec to a platform, and then rest.

use std::path::Path;

use operator_core::object::Kind;
use serde_json::json;

use crate::wire::Call;
use crate::world::{World, files, sample, secret_names};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn every_sample_becomes_ready_and_then_nothing_is_written() {
    for file in files("crds/samples") {
        let file = file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap()
            .to_owned();
        let spec = sample(&file);
        if spec["kind"] != "CreatorPlatform" || spec["spec"]["suspend"] == true {
            println!("measured: {file}: not meant to become ready");
            continue;
        }
        let world = World::bare(&format!("sample-{file}")).await;
        let _stand_in = world.stand_in();
        let operator = world.operator();
        let name = world.apply_sample(&file).await;
        let took = world.until_ready(&name).await;
        world.until_quiet(&operator).await;
        let writes = operator.calls.writes();
        let objects = writes.iter().filter(|call| is_object(call)).count();
        let statuses = writes.iter().filter(|call| is_status(call)).count();
        let events = writes.len() - objects - statuses;
        println!(
            "measured: {file}: ready after {took:?}; writes: {objects} of objects, \
             {statuses} of the status, {events} events"
        );

        operator.calls.clear();
        world.look_again(&name).await;
        world.until_quiet(&operator).await;
        let reads = operator.calls.all();
        assert!(!reads.is_empty(), "{file}: there was no second look");
        println!(
            "measured: {file}: {} reads of a look that finds nothing to do",
            reads.len()
        );
        // What moved, and each Secret of others, since no watch shows those.
        let most = 1 + secret_names(&spec).len();
        assert!(reads.len() <= most, "{file}: {reads:#?}");
        assert_no_writes(&file, "a second look", &operator.calls.writes());
        operator.stop().await;

        let successor = world.operator();
        world.until_quiet(&successor).await;
        assert!(
            !successor.calls.all().is_empty(),
            "the successor never looked"
        );
        assert_no_writes(&file, "a restart", &successor.calls.writes());
        successor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_changed_field_changes_exactly_the_objects_that_depend_on_it() {
    let world = World::bare("field").await;
    let _stand_in = world.stand_in();
    let operator = world.operator();
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    world.until_quiet(&operator).await;
    operator.calls.clear();

    world
        .merge(
            &name,
            json!({"spec": {"services": {"auth": {"replicas": 3}}}}),
        )
        .await;
    world
        .until(&name, "at the new generation", |platform| {
            platform.metadata.generation == Some(2)
        })
        .await;
    world.until_ready(&name).await;
    world.until_quiet(&operator).await;

    let writes = operator.calls.writes();
    let mut touched: Vec<_> = writes
        .iter()
        .filter(|call| is_object(call))
        .map(name_of)
        .collect();
    touched.sort_unstable();
    touched.dedup();
    // More than one replica earns a PodDisruptionBudget, too.
    assert_eq!(touched, [format!("{name}-auth")], "{writes:#?}");
    let statuses = writes
        .iter()
        .filter(|call| call.path.ends_with("/status"))
        .count();
    println!(
        "measured: one field: {} writes, {statuses} of them of the status",
        writes.len()
    );
    assert!(
        statuses <= 3,
        "{statuses} writes of the status for one change"
    );
    let auth = world
        .api(Kind::Deployment)
        .get(&format!("{name}-auth"))
        .await
        .unwrap();
    assert_eq!(auth.data["spec"]["replicas"], 3);
    operator.stop().await;
}

fn is_object(call: &Call) -> bool {
    !call.path.contains("/creatorplatforms/") && !call.path.contains("/events")
}

fn is_status(call: &Call) -> bool {
    call.path.ends_with("/status")
}

fn name_of(call: &Call) -> String {
    Path::new(&call.path)
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

fn assert_no_writes(sample: &str, what: &str, writes: &[Call]) {
    assert!(writes.is_empty(), "{what} of {sample} wrote: {writes:#?}");
}
