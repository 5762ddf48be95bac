//! How exactly a limit holds when four replicas count at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shared_cache::{Decision, Key, Limit, PrefetchingLimiter};
use uuid::Uuid;

use crate::report::{Goal, Unit, line};
use crate::rounds::{Side, alternate, number};
use crate::servers::Platform;

const REPLICAS: usize = 4;
/// Requests of each replica that are under way at the same time.
const AT_ONCE: usize = 8;
/// No more than this may come at once, and almost nothing comes back within a round.
const BURST: Limit = Limit {
    count: 1_000,
    window: Duration::from_hours(1),
    burst: 1_000,
};
/// Three hundred a second after thirty at once.
const STREAM: Limit = Limit {
    count: 18_000,
    window: Duration::from_mins(1),
    burst: 30,
};

/// What is let through against what the limit says, in percent.
pub(crate) fn run(platform: &Platform) {
    let replicas: Vec<_> = (0..REPLICAS)
        .map(|_| PrefetchingLimiter::new(platform.cache()))
        .collect();
    let round = |limit: &Limit, hammered: Duration| {
        platform.runtime.block_on(error(&replicas, limit, hammered))
    };
    let sides: [Side<'_>; 2] = [
        Box::new(|| round(&BURST, Duration::from_secs(1))),
        Box::new(|| round(&STREAM, Duration::from_secs(2))),
    ];
    let [burst, stream] = alternate(sides);
    let goal = Goal::Most(1.0);
    let name = "error of a limit at four replicas, 1000 at once";
    line(name, goal, Unit::Percent, &burst, "hammered for 1 s");
    let name = "error of a limit at four replicas, 300 a second";
    line(name, goal, Unit::Percent, &stream, "hammered for 2 s");
}

/// Hammers one key from all replicas, and compares what was let through with what should be.
async fn error(replicas: &[PrefetchingLimiter], limit: &Limit, hammered: Duration) -> f64 {
    let key = Key::limit("bench", &Uuid::new_v4().to_string());
    let began = Instant::now();
    let hammers = replicas.iter().flat_map(|replica| vec![replica; AT_ONCE]);
    let hammers = hammers.map(|replica| {
        let (replica, key, limit) = (replica.clone(), key.clone(), *limit);
        tokio::spawn(async move {
            let mut allowed = 0;
            while began.elapsed() < hammered {
                let verdict = replica.take(&[(key.clone(), limit)]).await.unwrap();
                allowed += usize::from(matches!(verdict, Decision::Allowed { .. }));
            }
            allowed
        })
    });
    let allowed = join_all(hammers).await.into_iter().map(Result::unwrap);
    let allowed = number(allowed.sum());
    let share = began.elapsed().as_secs_f64() / limit.window.as_secs_f64();
    let right = f64::from(limit.burst) + (f64::from(limit.count) * share).floor();
    (allowed - right).abs() / right * 100.0
}
