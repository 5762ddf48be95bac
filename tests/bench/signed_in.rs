//! What reading who is signed in costs, step by step from a handler that does nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;
use shared_auth::TokenVerifier;
use shared_db::Db;
use shared_models::CreatorId;
use shared_web::{Caller, app};

use crate::client::{self, Crowd};
use crate::report::{Goal, Unit, compare};
use crate::rounds::{Series, Side, alternate};
use crate::servers::{AT_ONCE, CALLERS, OF_CALLER, Platform};
use crate::sign_in::register;

const ME: &str = "/auth/v1/me";
/// Requests of the one who asks alone.
const ALONE: usize = OF_CALLER * CALLERS / 2;

/// What each step adds to the one before.
const STEPS: [&str; 6] = [
    "an empty handler",
    "  + id, log line, metrics, headers",
    "  + verified token",
    "  + limits, by Redis",
    "  + begin and rollback, by PostgreSQL",
    "GET /auth/v1/me",
];

/// What the handlers of the steps have at hand.
#[derive(Clone)]
struct Steps {
    me: Arc<Value>,
    db: Db,
    verifier: TokenVerifier,
}

impl FromRef<Steps> for TokenVerifier {
    fn from_ref(steps: &Steps) -> Self {
        steps.verifier.clone()
    }
}

async fn empty(State(steps): State<Steps>) -> Json<Arc<Value>> {
    Json(steps.me)
}

async fn verified(State(steps): State<Steps>, _: Caller) -> Json<Arc<Value>> {
    Json(steps.me)
}

async fn begun(State(steps): State<Steps>, caller: Caller) -> Json<Arc<Value>> {
    drop(steps.db.tenant_read(caller.tenant).await.unwrap());
    Json(steps.me)
}

/// `GET /auth/v1/me` against a handler that answers the same bytes out of memory.
pub(crate) fn run(platform: &Platform) {
    let (auth, config, verifier) = platform.auth();
    let accounts: Vec<_> = (0..AT_ONCE * CALLERS)
        .map(|number| register(auth, number))
        .collect();
    let asks = accounts
        .iter()
        .map(|account| client::get(ME, Some(&account.token)));
    let asks: Vec<_> = asks.collect();
    let steps = Steps {
        me: Arc::new(client::once(auth, &asks[0])),
        db: platform
            .runtime
            .block_on(async { Db::new(&config.database) }),
        verifier,
    };
    let asks: Vec<_> = asks.chunks(CALLERS).map(<[_]>::to_vec).collect();
    let mut crowds = addresses(platform, auth, &steps).map(|at| Crowd::new(at, asks.clone()));
    let creators: Vec<_> = accounts.iter().map(|account| account.creator).collect();
    let each = OF_CALLER * CALLERS;
    let busy = measure(platform, &creators, &mut crowds, |crowd| {
        crowd.throughput(each)
    });
    show("at once", Unit::PerSecond, &busy);
    let alone = measure(platform, &creators, &mut crowds, |crowd| {
        crowd.latency(ALONE)
    });
    show("one by one", Unit::Milliseconds, &alone);
}

/// A server for each step.
fn addresses(platform: &Platform, auth: SocketAddr, steps: &Steps) -> [SocketAddr; 6] {
    let bare = Router::new().route(ME, get(empty));
    let known = Router::new().route(ME, get(verified));
    let reading = Router::new().route(ME, get(begun));
    let [bare, known, reading] =
        [bare, known, reading].map(|routes| routes.with_state::<()>(steps.clone()));
    [
        platform.serve(bare.clone()),
        platform.serve(app::with_default_layers(bare)),
        platform.serve(app::with_default_layers(known.clone())),
        platform.serve(platform.counted(&steps.verifier, known)),
        platform.serve(platform.counted(&steps.verifier, reading)),
        auth,
    ]
}

fn measure(
    platform: &Platform,
    creators: &[CreatorId],
    crowds: &mut [Crowd; 6],
    ask: impl Fn(&mut Crowd) -> f64 + Copy,
) -> [Series; 6] {
    let cache = platform.cache();
    let sides = crowds.each_mut().map(|crowd| {
        let cache = cache.clone();
        let side = move || {
            platform.forget(&cache, creators);
            ask(crowd)
        };
        Box::new(side) as Side<'_>
    });
    alternate(sides)
}

/// Each step beside the first one; only the last one has a goal.
fn show(how: &str, unit: Unit, figures: &[Series; 6]) {
    for (step, name) in STEPS.into_iter().enumerate().skip(1) {
        let last = step + 1 == STEPS.len();
        let goal = if last { Goal::Least(0.60) } else { Goal::None };
        let name = if last {
            format!("{name} / {}, {how}", STEPS[0])
        } else {
            format!("{name}, {how}")
        };
        compare(&name, goal, unit, &figures[step], &figures[0]);
    }
}
