//! One writer: replicas of an operator, and operators that were installed separately.

use std::time::{Duration, Instant};

use operator_core::object::Kind;
use serde_json::json;
use tokio::time::sleep;

use crate::wire::Call;
use crate::world::{Operator, World, is_ready};

const LEADER: &str = "creator-operator-leader";
const CLAIM: &str = "creator-platforms";

/// Changes the number of replicas of auth, and waits until the Deployment has it.
async fn change(world: &World, name: &str, replicas: i64) {
    let services = json!({"auth": {"replicas": replicas}});
    world
        .merge(name, json!({"spec": {"services": services}}))
        .await;
    let auth = format!("{name}-auth");
    let deployments = world.api(Kind::Deployment);
    world
        .until_some("the change applied", async || {
            let found = deployments.get(&auth).await.ok()?;
            (found.data["spec"]["replicas"] == replicas).then_some(())
        })
        .await;
}

fn writes(operator: &Operator) -> Vec<Call> {
    let mut calls = operator.work();
    calls.retain(|call| call.method != http::Method::GET);
    calls
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn another_replica_takes_over_when_the_leader_is_killed_or_told_to_end() {
    let world = World::bare("replicas").await;
    let _stand_in = world.stand_in();
    let first = world.replica("creator-operator");
    let holder = world.until_held(LEADER, None).await;
    let second = world.replica("creator-operator");
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    assert!(second.work().is_empty(), "{:?}", second.work());

    let killed = Instant::now();
    first.kill().await;
    let holder = world.until_held(LEADER, Some(&holder)).await;
    let after_kill = killed.elapsed();
    change(&world, &name, 2).await;
    world.until_ready(&name).await;
    let wrote = killed.elapsed();

    let third = world.replica("creator-operator");
    sleep(Duration::from_secs(2)).await;
    assert!(third.work().is_empty(), "{:?}", third.work());
    let told = Instant::now();
    let (ended, _) = tokio::join!(second.stop(), world.until_held(LEADER, Some(&holder)));
    let () = ended;
    let after_end = told.elapsed();
    change(&world, &name, 3).await;
    println!(
        "measured: a replica led {after_kill:?} after the leader was killed, and had applied \
         a change after {wrote:?}; {after_end:?} after the leader was told to end"
    );
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_operator_leaves_a_namespace_to_the_one_that_has_it() {
    let world = World::bare("releases").await;
    let _stand_in = world.stand_in();
    let first = world.replica("first");
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    let second = world.replica("second");
    // It leads its own replicas, and has nothing to write.
    world.until_held("second-leader", None).await;
    change(&world, &name, 2).await;
    world.until(&name, "ready", is_ready).await;
    let asked = async || {
        let calls = second.calls.all();
        calls
            .iter()
            .any(|call| call.path.ends_with(CLAIM))
            .then_some(())
    };
    world
        .until_some("the second asked for the claim", asked)
        .await;
    sleep(Duration::from_secs(2)).await;
    assert!(writes(&second).is_empty(), "{:?}", writes(&second));
    let platform = world.platforms().get(&name).await.unwrap();
    let signed = platform.status.unwrap().operator.unwrap();
    assert_eq!(signed.name, format!("{}/first", world.namespace));

    // An upgrade of the first one does not hand the namespace over; giving the claim up does.
    first.stop().await;
    let upgraded = world.replica("first");
    change(&world, &name, 3).await;
    assert!(writes(&second).is_empty(), "{:?}", writes(&second));
    upgraded.stop().await;
    world
        .edit_lease(CLAIM, json!({"holderIdentity": null}))
        .await;
    change(&world, &name, 4).await;
    assert!(!writes(&second).is_empty());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_leader_whose_lease_is_taken_stops_writing_until_it_has_it_again() {
    let world = World::bare("taken").await;
    let _stand_in = world.stand_in();
    let operator = world.replica("creator-operator");
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    let taken = json!({"holderIdentity": "somebody-else"});
    world.edit_lease(LEADER, taken).await;
    // It notices by its next renewal, after two seconds at the latest.
    sleep(Duration::from_secs(4)).await;
    operator.calls.clear();
    let auth = json!({"auth": {"replicas": 2}});
    world
        .merge(&name, json!({"spec": {"services": auth}}))
        .await;
    sleep(Duration::from_secs(5)).await;
    assert!(operator.work().is_empty(), "{:?}", operator.work());
    world.until_held(LEADER, Some("somebody-else")).await;
    world.until_ready(&name).await;
    assert!(!writes(&operator).is_empty());
    operator.stop().await;
}
