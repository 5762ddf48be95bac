//! Nobody learns who has an account: not by what is answered, not by how long it takes.

use std::io::Write as _;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};
use shared_testkit::Answer;

use crate::test_app::{PASSWORD, TestApp};

const PAIRS: usize = 60;
/// Each address is asked about three times: none is locked, and no limit is reached.
const ADDRESSES: usize = 20;

/// What can be seen of an answer, but for what differs with every request.
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

/// The median times of known and of unknown addresses, asked in turns, which comes first changing:
/// load hits both. Each answer must look like the first one.
async fn compare(ask: impl AsyncFn(String, String) -> Answer) -> (Duration, Duration) {
    let (mut known, mut unknown, mut first) = (Vec::new(), Vec::new(), None);
    for pair in 0..PAIRS {
        let mut both = [("known", &mut known), ("nobody", &mut unknown)];
        if pair % 2 == 1 {
            both.reverse();
        }
        for (who, times) in both {
            let email = format!("{who}{}@example.com", pair % ADDRESSES);
            let began = Instant::now();
            let answer = ask(email, format!("203.0.113.{pair}")).await;
            times.push(began.elapsed());
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
    // A hash that outweighs everything else; without it for one of the two this goes red.
    let app = TestApp::with(|config| config.hashing.iterations = 6).await;
    register(&app).await;
    let wrong = "Another-9-Password";
    let sign_in = async |email: String, ip: String| app.login(&email, wrong, &ip).await;
    let (known, unknown) = compare(sign_in).await;
    // What a request costs in which nothing is hashed.
    let mut plain = Vec::new();
    for number in 0..20 {
        let body = json!({"email": format!("reader{number}@example.com")});
        let (began, ip) = (Instant::now(), format!("198.51.100.{number}"));
        app.post_from(&ip, "/auth/v1/password/reset", &body).await;
        plain.push(began.elapsed());
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
        "measured: asking for a password for a known address {known:?}, an unknown one {unknown:?}"
    )
    .unwrap();
    // So short a time is mostly noise; to look for the account and write a letter takes a multiple.
    let bound = (known.max(unknown) / 2).max(Duration::from_millis(2));
    assert!(known.abs_diff(unknown) < bound, "{known:?} {unknown:?}");
}
