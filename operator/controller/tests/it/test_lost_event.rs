//! What a lost event would have told is found in the next list, and at once if another one comes.

use std::time::{Duration, Instant};

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use operator::context::Pace;
use operator_core::object::Kind;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::stand_in::StandIn;
use crate::wire::{Calls, Fault};
use crate::world::{Operator, World, is_ready};

/// A list every few seconds finds it; a look does not, however often.
const LISTING: Pace = Pace {
    platform: Duration::from_millis(500),
    waiting: Duration::from_millis(500),
    relist: Duration::from_secs(4),
    tenant: Duration::from_mins(8),
    census: Duration::from_mins(2),
    counts: Duration::from_secs(5),
};
/// No list comes in time, and no look: what is repaired is repaired by an event.
const EVENTS_ALONE: Pace = Pace {
    platform: Duration::from_mins(10),
    relist: Duration::from_mins(10),
    ..LISTING
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_next_list_has_what_a_lost_event_hid() {
    let scene = Scene::begin(LISTING).await;
    for kind in [Kind::Deployment, Kind::Service, Kind::ConfigMap] {
        scene.lose_next_event().await;
        let began = Instant::now();
        let name = scene.edit(kind).await;
        scene.until_as_before(kind, &name).await;
        scene.one_was_lost();
        println!(
            "measured: {} edited unseen, repaired after {:?}",
            kind.kind(),
            began.elapsed()
        );
    }
    scene.lose_next_event().await;
    let began = Instant::now();
    let gone = scene.some(Kind::ConfigMap).await;
    let api = scene.world.api(Kind::ConfigMap);
    let name = gone.metadata.name.as_deref().unwrap();
    api.delete(name, &DeleteParams::default()).await.unwrap();
    let back = async || api.get_opt(name).await.unwrap();
    scene.world.until_some("the ConfigMap", back).await;
    scene.one_was_lost();
    println!("measured: deleted unseen, back after {:?}", began.elapsed());
    scene.lose_next_event().await;
    let began = Instant::now();
    let change = json!({"spec": {"networkPolicies": {"enabled": false}}});
    scene.world.merge(&scene.name, change).await;
    scene.world.until(&scene.name, "changed", is_ready).await;
    scene.one_was_lost();
    println!(
        "measured: a spec changed unseen is followed after {:?}",
        began.elapsed()
    );
    scene.operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_later_event_an_end_or_an_expiry_of_the_watch_shows_it_at_once() {
    let scene = Scene::begin(EVENTS_ALONE).await;
    scene.lose_next_event().await;
    let name = scene.edit(Kind::Deployment).await;
    sleep(Duration::from_secs(3)).await;
    assert!(
        !scene.is_as_before(Kind::Deployment, &name).await,
        "the event was not lost"
    );
    let label = json!({"metadata": {"labels": {"example.org/later": "event"}}});
    scene.patch(Kind::Deployment, &name, label).await;
    scene.until_as_before(Kind::Deployment, &name).await;
    for fault in [Fault::Gone(1), Fault::Dropped(1)] {
        scene.operator.settled().await;
        scene.operator.calls.arm(fault);
        let began = Instant::now();
        let name = scene.edit(Kind::Service).await;
        scene.until_as_before(Kind::Service, &name).await;
        assert!(scene.operator.calls.struck(), "{fault:?}");
        println!("measured: {fault:?}: repaired after {:?}", began.elapsed());
        // The watch that was broken goes on, when the looks that follow a repair are over.
        scene.operator.settled().await;
        let name = scene.edit(Kind::Service).await;
        scene.until_as_before(Kind::Service, &name).await;
    }
    scene.operator.stop().await;
}

/// A platform that is ready and at rest.
struct Scene {
    world: World,
    operator: Operator,
    name: String,
    _plays: StandIn,
}

impl Scene {
    async fn begin(pace: Pace) -> Self {
        let world = World::bare("lost-event").await;
        let plays = world.stand_in();
        let operator = world.operator_at(Calls::new(Fault::None), pace);
        let name = world.apply_sample("minimal").await;
        world.until_ready(&name).await;
        Self {
            world,
            operator,
            name,
            _plays: plays,
        }
    }

    async fn lose_next_event(&self) {
        self.operator.settled().await;
        self.operator.calls.arm(Fault::Swallowed(1));
    }

    fn one_was_lost(&self) {
        assert!(self.operator.calls.struck(), "no event was lost");
    }

    async fn some(&self, kind: Kind) -> DynamicObject {
        let owned = self.world.owned(&self.name).await;
        let mut of_kind = owned.into_iter().filter(|(key, _)| key.kind == kind);
        of_kind.next().unwrap().1
    }

    /// Somebody changes one of our labels; answers from which object.
    async fn edit(&self, kind: Kind) -> String {
        let name = self.some(kind).await.metadata.name.unwrap();
        let edit = json!({"metadata": {"labels": {"app.kubernetes.io/part-of": "by-hand"}}});
        self.patch(kind, &name, edit).await;
        name
    }

    async fn patch(&self, kind: Kind, name: &str, change: Value) {
        let api = self.world.api(kind);
        let patch = Patch::Merge(&change);
        api.patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    async fn is_as_before(&self, kind: Kind, name: &str) -> bool {
        let object = self.world.api(kind).get(name).await.unwrap();
        object.metadata.labels.unwrap()["app.kubernetes.io/part-of"] != "by-hand"
    }

    async fn until_as_before(&self, kind: Kind, name: &str) {
        let mended = async || self.is_as_before(kind, name).await.then_some(());
        self.world.until_some("repaired", mended).await;
    }
}
