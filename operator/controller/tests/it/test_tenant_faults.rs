//! A Tenant comes to the same end whatever the API server does, and auth where it can: conflicts,
//! busy servers, watches that expire, end or lose events, outdated answers.

use futures_util::{StreamExt, stream};
use operator::context::Pace;
use tokio::time::{Duration, Instant};

use crate::tenants::Tenants;
use crate::test_faults::spread;
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

fn faults(calm: &End) -> Vec<Fault> {
    let busy = Busy::all(3);
    let writes = 1..=calm.writes;
    let mut all: Vec<Fault> = writes
        .flat_map(|n| [Fault::Conflict(n), Fault::BusyWrite(n, busy[n % 4])])
        .collect();
    let reads = spread(calm.reads, 4).enumerate();
    all.extend(reads.map(|(number, n)| Fault::BusyRead(n, busy[number % 4])));
    all.push(Fault::BusyReads(3, Busy::all(1)[0]));
    all.extend(
        spread(calm.events, 4)
            .flat_map(|n| [Fault::Gone(n), Fault::Dropped(n), Fault::Swallowed(n)]),
    );
    all.extend(spread(calm.outdated, 3).map(Fault::Outdated));
    all
}

async fn matrix(scenario: &Scenario) {
    let began = Instant::now();
    let worlds = (0..AT_ONCE).map(|_| Tenants::new(scenario.name));
    let worlds: Vec<Tenants> = stream::iter(worlds).buffered(AT_ONCE).collect().await;
    let calm = run(&worlds[0], scenario, "calm", Fault::None, PACE).await;
    let faults = faults(&calm);
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
        struck > faults.len() / 2,
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
