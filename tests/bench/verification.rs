//! How many credentials one core verifies, when each was verified before.

use std::hint::black_box;
use std::time::Instant;

use shared_auth::TokenVerifier;
use shared_config::Service;
use shared_models::CreatorId;
use shared_rpc::http_client;
use shared_testkit::TokenMint;

use crate::report::{Goal, Unit, compare, line};
use crate::rounds::{Side, alternate, number};
use crate::servers::Platform;

/// Tokens that take turns.
const TOKENS: usize = 100;

/// A verifier that remembers and heeds revocations, against one that verifies each signature.
pub(crate) fn run(platform: &Platform) {
    let mint = TokenMint::new();
    let tokens: Vec<_> = (0..TOKENS).map(|_| mint.owner(CreatorId::new())).collect();
    let remembering = platform.runtime.block_on(async {
        let (settings, http) = (mint.settings("http://127.0.0.1:1"), http_client::new());
        let verifier = TokenVerifier::new(Service::CreatorHub, settings, http.unwrap());
        let db = platform.database.as_service(Service::CreatorHub);
        let verifier = verifier.with_revocations(platform.cache(), &db);
        verifier.replace_keys(&mint.key_set());
        let revocations = verifier.revocations().unwrap();
        let mut changes = revocations.changes();
        // Before that nothing is remembered.
        let caching = changes.wait_for(|_| revocations.is_caching()).await;
        drop(caching.unwrap());
        verifier
    });
    let forgetful = mint.verifier(Service::CreatorHub);
    let sides: [Side<'_>; 2] = [
        Box::new(|| rate(platform, &remembering, &tokens, 200_000)),
        Box::new(|| rate(platform, &forgetful, &tokens, 5_000)),
    ];
    let [remembered, verified] = alternate(sides);
    let goal = Goal::Least(50_000.0);
    let name = "tokens verified before, on one core";
    line(
        name,
        goal,
        Unit::PerSecond,
        &remembered,
        "revocations heeded",
    );
    let name = "  / each signature verified";
    compare(name, Goal::None, Unit::PerSecond, &remembered, &verified);
}

/// Verifications a second, one after the other on this thread.
fn rate(platform: &Platform, verifier: &TokenVerifier, tokens: &[String], count: usize) -> f64 {
    platform.runtime.block_on(async {
        let began = Instant::now();
        for token in tokens.iter().cycle().take(count) {
            black_box(verifier.verify(token).await.unwrap());
        }
        number(count) / began.elapsed().as_secs_f64()
    })
}
