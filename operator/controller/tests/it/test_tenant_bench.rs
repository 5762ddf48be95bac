//! How long many Tenants take, and what they cost when nothing changes: a hundred in `make test`, a
//! thousand in `make test-exhaustive`.

use std::time::Instant;

use futures_util::{StreamExt, stream};
use kube::api::{ListParams, PostParams};
use operator::context::Pace;
use operator_core::api::Tenant;
use shared_testkit::Sample;
use tokio::time::{Duration, sleep};

use crate::tenants::{Tenants, is_ready};
use crate::wire::Fault;

const PATIENCE: Duration = Duration::from_mins(8);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn many_tenants_become_ready_and_then_nothing_is_written() {
    let count = Sample::from_env().size(100, 1000);
    let tenants = Tenants::new("many").await;
    let operator = tenants.operator_at(Fault::None, Pace::default()).await;
    let began = Instant::now();
    let bodies = (0..count).map(|number| tenants.body(&format!("tenant-{number}")));
    let created = stream::iter(bodies).map(|body| async {
        let tenant: Tenant = serde_json::from_value(body).unwrap();
        let made = tenants.api().create(&PostParams::default(), &tenant).await;
        made.unwrap();
    });
    created.buffer_unordered(8).collect::<Vec<()>>().await;
    let applied = began.elapsed();
    loop {
        let list = tenants.api().list(&ListParams::default()).await.unwrap();
        let ready = list.iter().filter(|tenant| is_ready(tenant)).count();
        if ready == count {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{ready} of {count} are ready");
        sleep(Duration::from_millis(500)).await;
    }
    println!(
        "measured: {count} Tenants: created in {:.1} s, ready {:.1} s after the first was sent",
        applied.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    let writes = operator.calls.writes().len();
    println!("measured: {} writes for each Tenant", writes / count);
    // The platform's status tells their number a while after it changed.
    let counted = async || {
        let platform = tenants.world.platforms().get(&tenants.platform).await;
        let told = platform.unwrap().status?.tenants?;
        (usize::try_from(told.ready) == Ok(count)).then_some(())
    };
    tenants.world.until_some("the count of all", counted).await;
    tenants.world.until_quiet(&operator).await;
    operator.stop().await;
    successor_writes_nothing(&tenants, count).await;
}

/// A successor finds all of them as they should be, by one question to auth for each hundred.
async fn successor_writes_nothing(tenants: &Tenants, count: usize) {
    let began = Instant::now();
    let successor = tenants.operator_at(Fault::None, Pace::default()).await;
    let looked = || {
        let calls = successor.calls.all();
        let secrets = calls.iter().filter(|call| call.path.ends_with("-owner"));
        secrets.count()
    };
    while looked() < count {
        assert!(began.elapsed() < PATIENCE, "{} were looked at", looked());
        sleep(Duration::from_millis(200)).await;
    }
    tenants.world.until_quiet(&successor).await;
    let all = successor.calls.all();
    let asked = all
        .iter()
        .filter(|call| call.path.starts_with("/internal/"));
    println!(
        "measured: after a restart {count} Tenants are looked at in {:.1} s, \
         with {} questions to auth",
        began.elapsed().as_secs_f64(),
        asked.count()
    );
    let writes = successor.calls.writes();
    assert!(writes.is_empty(), "{writes:#?}");
    successor.stop().await;
}
