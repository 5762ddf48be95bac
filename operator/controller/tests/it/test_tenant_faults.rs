//! A Tenant comes to the same end whatever the API server does, and auth where it can: conflicts,
//! busy servers, watches that expire, end or lose events, outdated answers.

use futures_util::{StreamExt, stream};
use operator::context::Pace;
use shared_testkit::Sample;
use tokio::time::{Duration, Instant};

use crate::tenants::Tenants;
use crate::test_tenant_crash::{End, PACE, Scenario, run};
use crate::wire::{Busy, Fault};

/// Worlds side by side: most of a run is waiting.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_install_survives_every_fault() {
    matrix(&Scenario::install()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_change_survives_every_fault() {
    matrix(&Scenario::change()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_suspension_survives_every_fault() {
    matrix(&Scenario::suspension()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_deletion_survives_every_fault() {
    matrix(&Scenario::deletion()).await;
}

/// A sample of them, unless every case is asked for.
fn faults(scenario: &Scenario, calm: &End) -> Vec<Fault> {
    let sample = |kind: &str, all: Vec<Fault>, most| {
        let test = format!("{} {kind}", scenario.name);
        Sample::from_env().of(&test, all, most)
    };
    let busy = Busy::all(3);
    let writes =
        (1..=calm.writes).flat_map(|n| [Fault::Conflict(n), Fault::BusyWrite(n, busy[n % 4])]);
    let reads = (1..=calm.reads).map(|n| Fault::BusyRead(n, busy[n % 4]));
    let events =
        (1..=calm.events).flat_map(|n| [Fault::Gone(n), Fault::Dropped(n), Fault::Swallowed(n)]);
    let outdated = (1..=calm.outdated).map(Fault::Outdated);
    [
        sample("writes", writes.collect(), 3),
        sample("reads", reads.collect(), 1),
        sample("all reads", vec![Fault::BusyReads(3, Busy::all(1)[0])], 1),
        sample("events", events.collect(), 2),
        sample("answers", outdated.collect(), 1),
    ]
    .concat()
}

async fn matrix(scenario: &Scenario) {
    let began = Instant::now();
    let worlds = (0..AT_ONCE).map(|_| Tenants::new(scenario.name));
    let worlds: Vec<Tenants> = stream::iter(worlds).buffered(AT_ONCE).collect().await;
    let calm = run(&worlds[0], scenario, "calm", Fault::None, PACE).await;
    let faults = faults(scenario, &calm);
    let lanes = worlds.iter().enumerate().map(|(lane, tenants)| {
        let own = faults.iter().enumerate().skip(lane).step_by(AT_ONCE);
        let own: Vec<(usize, Fault)> = own.map(|(number, fault)| (number, *fault)).collect();
        let calm = &calm;
        async move {
            let mut struck = 0;
            for (number, fault) in own {
                let name = format!("faulty-{number}");
                let end = run(tenants, scenario, &name, fault, pace(fault)).await;
                assert_eq!(end.state, calm.state, "{fault:?}");
                struck += usize::from(end.struck);
            }
            struck
        }
    });
    let struck: usize = futures_util::future::join_all(lanes)
        .await
        .into_iter()
        .sum();
    println!(
        "measured: {}: {} faults, {struck} struck, all converged, {:.0} s",
        scenario.name,
        faults.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(
        Sample::from_env().is_enough(struck, faults.len()),
        "only {struck} of {} struck",
        faults.len()
    );
}

/// What an event hid shows in the next list, what an outdated answer hid in the next look.
fn pace(fault: Fault) -> Pace {
    let relist = match fault {
        Fault::Gone(_) | Fault::Dropped(_) | Fault::Swallowed(_) => Duration::from_secs(2),
        _ => PACE.relist,
    };
    Pace {
        platform: Duration::from_secs(1),
        waiting: Duration::from_secs(1),
        relist,
        ..PACE
    }
}
