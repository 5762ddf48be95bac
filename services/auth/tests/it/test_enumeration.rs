//! Neither responses nor their timing reveal which accounts exist.

use std::io::Write as _;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};
use shared_testkit::Answer;

use crate::test_app::{PASSWORD, TestApp};

const PAIRS: usize = 60;
/// Each address is used three times: no user is locked, and no rate limit is reached.
const ADDRESSES: usize = 20;

/// The observable parts of a response, without those that differ for each request.
fn seen(answer: &Answer) -> (StatusCode, Value, Vec<String>) {
    let mut body = answer.json();
    if let Some(trace) = body.get_mut("trace_id") {
        trace.take();
    }
    let changing = ["x-request-id", "ratelimit", "date"];
    let headers = answer.headers.iter().map(|(name, value)| {
        if changing.contains(&name.as_str()) {
            return name.to_string();
        }
        format!("{name}: {}", value.to_str().unwrap())
    });
    (answer.status, body, headers.collect())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Accounts of `known0@example.com` and so on.
async fn register(app: &TestApp) {
    for number in 0..ADDRESSES {
        let body = json!({"email": format!("known{number}@example.com"), "password": PASSWORD,
            "full_name": "Ana Lima"});
        let ip = format!("192.0.2.{number}");
        let made = app.post_from(&ip, "/auth/v1/register", &body).await;
        made.expect(StatusCode::CREATED);
    }
}

/// The median times of known and unknown addresses, used in alternating order, so that load affects
/// both. Each response must look like the first one.
async fn compare(ask: impl AsyncFn(String, String) -> Answer) -> (Duration, Duration) {
    let (mut known, mut unknown, mut first) = (Vec::new(), Vec::new(), None);
    for pair in 0..PAIRS {
        let mut both = [("known", &mut known), ("nobody", &mut unknown)];
        if pair % 2 == 1 {
            both.reverse();
        }
        for (who, times) in both {
            let email = format!("{who}{}@example.com", pair % ADDRESSES);
            let started = Instant::now();
            let answer = ask(email, format!("203.0.113.{pair}")).await;
            times.push(started.elapsed());
            let seen = seen(&answer);
            assert_eq!(
                first.get_or_insert_with(|| seen.clone()),
                &seen,
                "{who} {pair}"
            );
        }
    }
    (median(known), median(unknown))
}

#[tokio::test]
async fn a_sign_in_reveals_by_neither_response_nor_timing_who_has_an_account() {
    // A hash that outweighs everything else; the test fails if one of the two skips it.
    let app = TestApp::with(|config| config.hashing.iterations = 6).await;
    register(&app).await;
    let wrong = "Another-9-Password";
    let sign_in = async |email: String, ip: String| app.login(&email, wrong, &ip).await;
    let (known, unknown) = compare(sign_in).await;
    // The time of a request that hashes nothing.
    let mut plain = Vec::new();
    for number in 0..20 {
        let body = json!({"email": format!("reader{number}@example.com")});
        let (started, ip) = (Instant::now(), format!("198.51.100.{number}"));
        app.post_from(&ip, "/auth/v1/password/reset", &body).await;
        plain.push(started.elapsed());
    }
    let hash = known.saturating_sub(median(plain));
    let difference = known.abs_diff(unknown);
    writeln!(
        std::io::stdout(),
        "measured: sign-in of a known address {known:?}, of an unknown one {unknown:?}; \
         a hash is about {hash:?}"
    )
    .unwrap();
    assert!(difference * 4 < known.max(unknown), "{known:?} {unknown:?}");
    assert!(difference * 4 < hash, "{difference:?} of {hash:?}");
}

#[tokio::test]
async fn a_password_reset_reveals_by_neither_response_nor_timing_who_has_an_account() {
    let app = TestApp::new().await;
    register(&app).await;
    let ask = async |email: String, ip: String| {
        let body = json!({"email": email});
        app.post_from(&ip, "/auth/v1/password/reset", &body).await
    };
    let (known, unknown) = compare(ask).await;
    writeln!(
        std::io::stdout(),
        "measured: password reset for a known address {known:?}, an unknown one {unknown:?}"
    )
    .unwrap();
    // Such a short time is mostly noise; looking up the account and queueing an email takes a
    // multiple.
    let bound = (known.max(unknown) / 2).max(Duration::from_millis(2));
    assert!(known.abs_diff(unknown) < bound, "{known:?} {unknown:?}");
}

/// A commit waits for the disk only if its transaction has written something, so the failed sign-in
/// of an unknown address must write as that of a known one does. The stores of the tests do not
/// wait for the disk, so this looks into the log of PostgreSQL instead of at the clock.
#[tokio::test]
async fn the_failed_sign_in_of_an_unknown_address_is_written_too() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let extension = sqlx::query("create extension if not exists pg_walinspect");
    extension.execute(&admin).await.unwrap();
    let start: String = sqlx::query_scalar("select pg_current_wal_flush_lsn()::text")
        .fetch_one(&admin)
        .await
        .unwrap();
    let answer = app
        .login("nobody@example.com", "Another-9-Password", "203.0.113.70")
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let request = answer.headers["x-request-id"].as_bytes();
    let bytes: Vec<String> = request.iter().map(|byte| format!("{byte:02X}")).collect();
    let written = "select exists (
        select from pg_get_wal_records_info($1::pg_lsn, pg_current_wal_flush_lsn())
        where resource_manager = 'LogicalMessage' and position($2 in description) > 0)";
    let mut last = None;
    for _ in 0..100 {
        let found = sqlx::query_scalar::<_, bool>(written)
            .bind(&start)
            .bind(bytes.join(" "))
            .fetch_one(&admin)
            .await;
        // Until something is flushed, the range is empty, which the function calls an error.
        if matches!(found, Ok(true)) {
            return;
        }
        last = Some(found);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing was written for an unknown address: {last:?}");
}
