//! A platform comes to the same end whatever the API server does: conflicts, a busy server, watches
//! that expire, end or lose events, and answers that are older than what was told before.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use kube::ResourceExt;
use operator::context::Pace;
use operator_core::object::ObjectKey;
use serde_json::{Value, json};
use shared_testkit::Sample;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::test_crash::comparable;
use crate::wire::{Busy, Call, Calls, Fault};
use crate::world::{PATIENCE, World};

/// Most of a run is waiting for the stand-in of the controllers.
const AT_ONCE: usize = 6;

/// What an event hid shows within a second or two.
const PACE: Pace = Pace {
    platform: Duration::from_secs(2),
    waiting: Duration::from_secs(2),
    relist: Duration::from_secs(4),
    tenant: Duration::from_mins(8),
    census: Duration::from_mins(2),
    counts: Duration::from_secs(5),
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_conflict_at_any_write_is_made_good() {
    let (mut cases, mut all_refused) = (0, 0);
    for course in [Course::install(), Course::reduction()] {
        let calm = course.run(Fault::None).await;
        let writes = course.some("conflicts", calm.writes, 6);
        let faults = writes.into_iter().map(Fault::Conflict).collect();
        let ends = course.same_end_after("conflicts", &calm, faults).await;
        let refused = ends.iter().filter(|end| end.refused > 0).count();
        println!("measured: {}: {refused} were refused (409)", course.name);
        cases += ends.len();
        all_refused += refused;
    }
    assert!(all_refused > 0 || cases == 0, "nobody was refused");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_busy_server_delays_and_no_more() {
    let course = Course::install();
    let calm = course.run(Fault::None).await;
    // Once is what the client's own retry hides, three times it gives up.
    let (hidden, shown) = (Busy::all(1), Busy::all(3));
    let kind = |n: usize, of: [Busy; 4]| of[n % 4];
    let numbers = course.some("busy writes", calm.writes, 3).into_iter();
    let writes = numbers.enumerate().map(|(number, n)| {
        let attempts = if number < 2 { hidden } else { shown };
        Fault::BusyWrite(n, kind(number, attempts))
    });
    let single = course.some("busy reads", calm.reads, 1).into_iter();
    let single = single.enumerate();
    let single = single.map(|(number, n)| Fault::BusyRead(n, kind(number, shown)));
    let every = (0..2).map(|number| Fault::BusyReads(2 + number, kind(number, hidden)));
    let faults = writes.chain(single).chain(every).collect();
    let ends = course.same_end_after("busy answers", &calm, faults).await;
    let hid = ends.iter().filter(|end| end.busy > 0).count();
    println!("measured: {}: {hid} were told that it is busy", course.name);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_watch_that_expires_ends_or_loses_an_event_hides_nothing() {
    for course in [Course::install(), Course::reduction()] {
        let calm = course.run(Fault::None).await;
        let faults = (1..=calm.events)
            .flat_map(|n| [Fault::Gone(n), Fault::Dropped(n), Fault::Swallowed(n)]);
        let faults = Sample::from_env().of(course.name, faults, 3);
        course.same_end_after("watch faults", &calm, faults).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_watch_that_may_not_begin_and_a_list_that_may_not_go_on_hide_nothing() {
    for course in [Course::install(), Course::reduction()] {
        let calm = course.run(Fault::None).await;
        let watches = course.some("watches", calm.watches, 2);
        let faults = watches.into_iter().map(Fault::GoneAtStart).collect();
        let what = "watches refused as they began (410)";
        course.same_end_after(what, &calm, faults).await;
    }
    // Only a platform that is there fills more than a page.
    let course = Course::reduction();
    let calm = course.run(Fault::GoneOnPage(usize::MAX)).await;
    assert!(calm.pages > 20, "lists have {} further pages", calm.pages);
    let pages = course.some("pages", calm.pages, 2);
    let faults = pages.into_iter().map(Fault::GoneOnPage).collect();
    course
        .same_end_after("pages refused (410)", &calm, faults)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_outdated_answer_destroys_nothing() {
    for course in [Course::install(), Course::reduction()] {
        let calm = course.run(Fault::None).await;
        let answers = course.some("outdated answers", calm.outdated, 2);
        let faults = answers.into_iter().map(Fault::Outdated).collect();
        course
            .same_end_after("outdated answers", &calm, faults)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_successor_that_is_told_of_the_world_before_the_install_changes_nothing() {
    let world = World::bare("outdated").await;
    let _stand_in = world.stand_in();
    let installer = world.operator();
    // So that all of its first lists are of a world without the platform.
    sleep(Duration::from_secs(1)).await;
    let name = world.apply_sample("minimal").await;
    world.until_ready(&name).await;
    world.until_still(&installer).await;
    let before = identities(&world, &name).await;
    let calls = Calls::outdated(&installer.calls);
    installer.stop().await;
    let successor = world.operator_at(calls, PACE);
    let wrote = async || (!successor.calls.writes().is_empty()).then_some(());
    world.until_some("a write of the successor", wrote).await;
    successor.settled_for(PACE.waiting * 2).await;
    world.until_ready(&name).await;
    assert_eq!(identities(&world, &name).await, before, "made anew");
    let writes = successor.calls.writes();
    let deletes = |call: &Call| call.method == http::Method::DELETE;
    assert!(!writes.iter().any(deletes), "{writes:#?}");
    println!(
        "measured: {} outdated answers to a successor, {} writes, nothing made anew",
        successor.calls.outdated_answers(),
        writes.len()
    );
    assert!(
        successor.calls.outdated_answers() > 50,
        "it was told the truth"
    );
    successor.calls.clear();
    sleep(PACE.relist * 3 / 2).await;
    let late = successor.calls.writes();
    assert!(late.is_empty(), "{late:#?}");
    successor.stop().await;
}

/// Who each object is, and what every Secret holds.
async fn identities(world: &World, name: &str) -> BTreeMap<ObjectKey, (String, Value)> {
    let owned = world.owned(name).await.into_iter();
    owned
        .map(|(key, object)| (key, (object.uid().unwrap(), object.data["data"].clone())))
        .collect()
}

/// What is done to a platform.
struct Course {
    name: &'static str,
    /// Of a platform that is there and ready; else it is installed.
    change: Option<Value>,
}

/// How a run ended.
struct End {
    fault: Fault,
    objects: BTreeMap<ObjectKey, Value>,
    deleted: BTreeSet<String>,
    writes: usize,
    reads: usize,
    events: usize,
    watches: usize,
    pages: usize,
    outdated: usize,
    refused: usize,
    busy: usize,
    struck: bool,
}

impl Course {
    const fn install() -> Self {
        Self {
            name: "install",
            change: None,
        }
    }

    /// Something is changed everywhere, and something is pruned.
    fn reduction() -> Self {
        Self {
            name: "reduction",
            change: Some(json!({"spec": {
                "networkPolicies": {"enabled": false},
                "gateway": {"corsOrigins": ["https://pages.example.org"]},
            }})),
        }
    }

    /// Numbers from 1 to `last`: `most` of them in `make test`, all in `make test-exhaustive`.
    fn some(&self, faults: &str, last: usize, most: usize) -> Vec<usize> {
        let test = format!("{} {faults}", self.name);
        Sample::from_env().of(&test, 1..=last, most)
    }

    /// Runs under each fault; prints how many struck.
    async fn same_end_after(&self, what: &str, calm: &End, faults: Vec<Fault>) -> Vec<End> {
        let (began, cases) = (Instant::now(), faults.len());
        let runs = stream::iter(faults).map(|fault| self.run(fault));
        let ends: Vec<End> = runs.buffer_unordered(AT_ONCE).collect().await;
        for end in &ends {
            end.is_as(calm);
        }
        let struck = ends.iter().filter(|end| end.struck).count();
        println!(
            "measured: {}: {cases} {what}, {struck} struck, all converged, {:.0} s",
            self.name,
            began.elapsed().as_secs_f64()
        );
        assert!(
            Sample::from_env().is_enough(struck, cases),
            "only {struck} of {cases} struck"
        );
        ends
    }

    async fn run(&self, fault: Fault) -> End {
        let world = World::bare("faults").await;
        let _stand_in = world.stand_in();
        let mut name = String::new();
        if self.change.is_some() {
            let installer = world.operator();
            name = world.apply_sample("minimal").await;
            world.until_ready(&name).await;
            world.until_still(&installer).await;
            installer.stop().await;
        }
        // A list of every kind each few seconds is not for those whose watches are well.
        let watch = matches!(
            fault,
            Fault::Gone(_) | Fault::Dropped(_) | Fault::Swallowed(_)
        );
        let pace = if watch {
            PACE
        } else {
            Pace {
                relist: Duration::from_mins(10),
                ..PACE
            }
        };
        let operator = world.operator_at(Calls::new(fault), pace);
        match &self.change {
            Some(change) => world.merge(&name, change.clone()).await,
            None => name = world.apply_sample("minimal").await,
        }
        until_ready(&world, &name, fault).await;
        operator.settled().await;
        until_ready(&world, &name, fault).await;
        let end = End::of(fault, &operator.calls, comparable(&world, &name).await);
        if matches!(fault, Fault::BusyReads(..)) {
            // It never ends by itself, and a look that fails may say so at any time.
            operator.calls.arm(Fault::None);
            operator.settled().await;
        }
        operator.calls.clear();
        sleep(if watch { PACE.relist } else { PACE.platform } * 3 / 2).await;
        let late = operator.calls.writes();
        assert!(late.is_empty(), "{fault:?}: {late:#?}");
        operator.stop().await;
        end
    }
}

impl End {
    fn of(fault: Fault, calls: &Calls, objects: BTreeMap<ObjectKey, Value>) -> Self {
        let (events, reads) = calls.events_and_reads();
        let (watches, pages) = calls.watches_and_pages();
        let writes = calls.writes();
        let answered = |status: &[u16]| {
            let hit = |call: &&Call| status.contains(&call.status);
            calls.all().iter().filter(hit).count()
        };
        let deleted = |call: &Call| {
            let is = call.method == http::Method::DELETE && call.status == 200;
            is.then(|| call.path.rsplit('/').take(2).collect::<Vec<_>>().join(" "))
        };
        Self {
            fault,
            objects,
            deleted: writes.iter().filter_map(deleted).collect(),
            writes: writes.len(),
            reads,
            events,
            watches,
            pages,
            outdated: calls.outdated_answers(),
            refused: answered(&[409]),
            busy: answered(&[429, 503]),
            struck: calls.struck(),
        }
    }

    fn is_as(&self, calm: &Self) {
        let fault = self.fault;
        for (key, body) in &calm.objects {
            assert_eq!(self.objects.get(key), Some(body), "{fault:?}: {key}");
        }
        assert_eq!(self.objects.len(), calm.objects.len(), "{fault:?}");
        assert_eq!(self.deleted, calm.deleted, "{fault:?}: what was deleted");
    }
}

async fn until_ready(world: &World, name: &str, fault: Fault) {
    let ready = async {
        while !world.is_ready(name).await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = timeout(PATIENCE, ready).await;
    if ended.is_err() {
        let status = world.platforms().get(name).await.unwrap().status;
        panic!("{fault:?}: {name} is not ready: {status:#?}");
    }
}
