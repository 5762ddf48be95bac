//! Accounts of auth, and what signing in costs beside the hash that it cannot do without.

use std::net::SocketAddr;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use auth_service::HashingSettings;
use serde_json::json;
use shared_models::CreatorId;
use tokio::runtime::Runtime;

use crate::client::{self, Crowd};
use crate::report::{Goal, Unit, compare};
use crate::rounds::{Side, alternate};
use crate::servers::Platform;

/// A password that breaks no rule.
const PASSWORD: &str = "Lantern-7-Harbour";
/// Sign-ins of a round.
const EACH: usize = 20;

/// A registered account.
pub(crate) struct Account {
    pub(crate) creator: CreatorId,
    pub(crate) token: String,
    email: String,
    from: String,
}

/// Registers an account, from an address of its own: of one address, few are let in.
pub(crate) fn register(auth: SocketAddr, number: usize) -> Account {
    let (email, from) = (
        format!("ana{number}@example.com"),
        format!("203.0.113.{number}"),
    );
    let body = json!({"email": email, "password": PASSWORD, "full_name": "Ana Lima"});
    let made = client::once(auth, &client::post("/auth/v1/register", &from, &body));
    Account {
        creator: made["creator"]["id"].as_str().unwrap().parse().unwrap(),
        token: made["tokens"]["access_token"].as_str().unwrap().to_owned(),
        email,
        from,
    }
}

/// `POST /auth/v1/login` against the hash alone.
pub(crate) fn run(platform: &Platform) {
    let (auth, config, _) = platform.auth();
    let accounts = (100..110).map(|number| register(auth, number));
    let logins = accounts.map(|account| {
        let body = json!({"email": account.email, "password": PASSWORD});
        client::post("/auth/v1/login", &account.from, &body)
    });
    let mut crowd = Crowd::new(auth, vec![logins.collect()]);
    let sides: [Side<'_>; 2] = [
        Box::new(|| crowd.latency(EACH)),
        Box::new(raw(&platform.runtime, config.hashing)),
    ];
    let [login, raw] = alternate(sides);
    let name = "sign-in / the hash alone, one by one";
    compare(name, Goal::Least(0.92), Unit::Milliseconds, &login, &raw);
}

/// Milliseconds of a hash on a thread for what blocks, in memory that is used again, as auth's is.
fn raw(runtime: &Runtime, settings: HashingSettings) -> impl FnMut() -> f64 + '_ {
    let params = Params::new(settings.memory_kib, settings.iterations, 1, None).unwrap();
    let mut memory = Some(vec![Block::default(); params.block_count()]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    move || {
        let began = std::time::Instant::now();
        for _ in 0..EACH {
            let (mut own, argon2) = (memory.take().unwrap(), argon2.clone());
            let hash = runtime.spawn_blocking(move || {
                let (password, mut output) = (PASSWORD.as_bytes(), [0_u8; 32]);
                let salt = b"sixteen bytes of";
                let done =
                    argon2.hash_password_into_with_memory(password, salt, &mut output, &mut own);
                done.unwrap();
                std::hint::black_box(output);
                own
            });
            memory = Some(runtime.block_on(hash).unwrap());
        }
        began.elapsed().as_secs_f64() * 1000.0 / crate::rounds::number(EACH)
    }
}
