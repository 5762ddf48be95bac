//! What row-level security costs a list of twenty documents, and what the limits do.

use std::net::SocketAddr;

use axum::extract::{FromRef, Path, State};
use axum::routing::get;
use axum::{Json, Router};
use shared_auth::TokenVerifier;
use shared_models::{CreatorId, Page, PageRequest};
use shared_testkit::TokenMint;
use shared_web::{Paging, Permit, Query, app, permit};
use tempfile::TempDir;

use crate::client::{self, Crowd};
use crate::documents::{Document, Roads};
use crate::report::{Goal, Unit, compare};
use crate::rounds::{Side, alternate};
use crate::servers::{AT_ONCE, CALLERS, OF_CALLER, Platform};

const LIST: &str = "/creator-hub/v1/documents";
/// Requests of the one who asks alone.
const ALONE: usize = OF_CALLER * CALLERS / 2;

/// What the handlers have at hand.
#[derive(Clone)]
struct Lists {
    roads: Roads,
    verifier: TokenVerifier,
}

impl FromRef<Lists> for TokenVerifier {
    fn from_ref(lists: &Lists) -> Self {
        lists.verifier.clone()
    }
}

type DocumentPage = Json<Page<Document>>;

/// The handler of creator-hub, over another way to read.
macro_rules! whole {
    ($read:ident) => {
        get(
            async |State(lists): State<Lists>,
                   caller: Permit<permit::DocumentsRead>,
                   paging: Paging,
                   Query(page): Query<PageRequest>|
                   -> DocumentPage {
                let window = paging.window(&page).unwrap();
                let rows = lists.roads.$read(caller.tenant).await;
                Json(paging.page(rows, window, |row| row.id.as_uuid()))
            },
        )
    };
}

/// Nothing but the reading and the JSON.
macro_rules! bare {
    ($read:ident) => {
        get(
            async |State(lists): State<Lists>, Path(creator): Path<CreatorId>| {
                Json(lists.roads.$read(creator).await)
            },
        )
    };
}

/// Both comparisons, on the same rows.
pub(crate) fn run(platform: &Platform) {
    let (mint, folder) = (TokenMint::new(), TempDir::new().unwrap());
    let (hub, verifier) = platform.creator_hub(&mint, folder.path());
    let roads = platform.runtime.block_on(Roads::new(platform));
    let creators: Vec<_> = (0..AT_ONCE * CALLERS).map(|_| CreatorId::new()).collect();
    platform.runtime.block_on(roads.fill(&creators));
    let world = ListingBench {
        platform,
        creators,
        mint,
        lists: Lists { roads, verifier },
    };
    policies(&world);
    route(&world, hub);
    limits(&world);
}

/// Who asks whom.
struct ListingBench<'a> {
    platform: &'a Platform,
    creators: Vec<CreatorId>,
    mint: TokenMint,
    lists: Lists,
}

impl ListingBench<'_> {
    fn serve(&self, routes: Router<Lists>) -> SocketAddr {
        self.platform.serve(routes.with_state(self.lists.clone()))
    }

    /// Requests for the list of each creator, by whatever names the creator there.
    fn asks(&self, ask: impl Fn(CreatorId) -> Vec<u8>) -> Vec<Vec<Vec<u8>>> {
        let asks: Vec<_> = self.creators.iter().map(|creator| ask(*creator)).collect();
        asks.chunks(CALLERS).map(<[_]>::to_vec).collect()
    }

    fn by_token(&self, address: SocketAddr) -> Crowd {
        let path = format!("{LIST}?limit=20");
        let ask = |creator| client::get(&path, Some(&self.mint.owner(creator)));
        Crowd::new(address, self.asks(ask))
    }

    fn by_path(&self, address: SocketAddr, way: &str) -> Crowd {
        let ask = |creator| client::get(&format!("/{way}/{creator}"), None);
        Crowd::new(address, self.asks(ask))
    }

    /// Rounds of all sides, each before limits that nobody has used.
    fn measure<const SIDES: usize>(
        &self,
        crowds: &mut [Crowd; SIDES],
        ask: fn(&mut Crowd) -> f64,
    ) -> [crate::rounds::Series; SIDES] {
        let cache = self.platform.cache();
        let sides = crowds.each_mut().map(|crowd| {
            let cache = cache.clone();
            let side = move || {
                self.platform.forget(&cache, &self.creators);
                ask(crowd)
            };
            Box::new(side) as Side<'_>
        });
        alternate(sides)
    }

    /// The first side against each other one, under load and without.
    fn show<const SIDES: usize>(
        &self,
        mut crowds: [Crowd; SIDES],
        against: [(&str, Goal); SIDES],
        name: &str,
    ) {
        let busy: fn(&mut Crowd) -> f64 = |crowd| crowd.throughput(OF_CALLER * CALLERS);
        let alone: fn(&mut Crowd) -> f64 = |crowd| crowd.latency(ALONE);
        for (how, unit, ask) in [
            ("at once", Unit::PerSecond, busy),
            ("one by one", Unit::Milliseconds, alone),
        ] {
            let figures = self.measure(&mut crowds, ask);
            for (other, (least, goal)) in against.into_iter().enumerate().skip(1) {
                let name = format!("{name} / {least}, {how}");
                compare(&name, goal, unit, &figures[0], &figures[other]);
            }
        }
    }
}

/// The policy alone: handlers that do nothing but read and answer.
fn policies(world: &ListingBench<'_>) {
    let routes = Router::new()
        .route("/protected/{creator}", bare!(protected))
        .route("/explicit/{creator}", bare!(explicit))
        .route("/autocommit/{creator}", bare!(autocommit));
    let address = world.serve(routes);
    let crowds = ["protected", "explicit", "autocommit"].map(|way| world.by_path(address, way));
    let against = [
        ("", Goal::None),
        ("WHERE in a transaction", Goal::Least(0.90)),
        ("WHERE, autocommit", Goal::None),
    ];
    world.show(crowds, against, "20 rows, RLS");
}

/// The real route: the same layers and extractors on all sides.
fn route(world: &ListingBench<'_>, hub: SocketAddr) {
    let over = |method| {
        let routes = Router::new().route(LIST, method);
        let routes = routes.with_state(world.lists.clone());
        let verifier = &world.lists.verifier;
        world.by_token(
            world
                .platform
                .serve(world.platform.counted(verifier, routes)),
        )
    };
    let crowds = [
        world.by_token(hub),
        over(whole!(explicit)),
        over(whole!(autocommit)),
    ];
    let against = [
        ("", Goal::None),
        ("WHERE in a transaction", Goal::Least(0.90)),
        ("WHERE, autocommit", Goal::None),
    ];
    world.show(crowds, against, "GET documents");
}

/// The list with and without the limits of callers and accounts.
fn limits(world: &ListingBench<'_>) {
    let routes = Router::new().route(LIST, whole!(protected));
    let routes = routes.with_state::<()>(world.lists.clone());
    let counted = world
        .platform
        .counted(&world.lists.verifier, routes.clone());
    let crowds = [counted, app::with_default_layers(routes)];
    let crowds = crowds.map(|routes| world.by_token(world.platform.serve(routes)));
    let against = [("", Goal::None), ("without", Goal::Least(0.85))];
    world.show(crowds, against, "the list with limits");
}
