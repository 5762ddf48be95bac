//! What this service refuses to start with.

use std::collections::BTreeMap;

use super::*;

fn complete() -> BTreeMap<String, String> {
    [
        (keys::DATABASE_HOST, "postgres"),
        (keys::DATABASE_USER, "hub_app"),
        (keys::DATABASE_PASSWORD, "a-long-one-of-this-test"),
        (keys::REDIS_HOST, "redis"),
        (keys::AUTH_URL, "http://auth:8001"),
        (keys::TOKEN_ISSUER, "issuer"),
        (keys::TOKEN_AUDIENCE, "audience"),
        (keys::AI_ENGINE_URL, "http://ai-engine:8003/"),
        (keys::UPLOAD_DIR, "/uploads"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .into_iter()
    .chain(shared_testkit::service_keys(Service::CreatorHub))
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn complaints(changes: &[(&'static str, &str)]) -> Vec<&'static str> {
    let mut values = complete();
    for (key, value) in changes {
        values.insert((*key).to_owned(), (*value).to_owned());
    }
    let problems = Config::from_reader(Reader::from_map(values)).expect_err("refused settings");
    problems.0.into_iter().map(|problem| problem.key).collect()
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let config = Config::from_reader(Reader::from_map(complete())).unwrap();
    assert_eq!(config.upload_max_bytes, 52_428_800);
    assert_eq!(config.serve.listen.port(), 8002);
    assert_eq!(config.ai_engine_url, "http://ai-engine:8003");
}

#[test]
fn every_problem_is_told_at_once() {
    assert_eq!(
        complaints(&[
            (keys::AI_ENGINE_URL, "ai-engine:8003"),
            (keys::UPLOAD_MAX_BYTES, "0"),
            (keys::DATABASE_PASSWORD, ""),
            (keys::UPLOAD_DIR, "uploads"),
        ]),
        [
            keys::DATABASE_PASSWORD,
            keys::AI_ENGINE_URL,
            keys::UPLOAD_MAX_BYTES,
            keys::UPLOAD_DIR
        ]
    );
    assert_eq!(complaints(&[(keys::UPLOAD_DIR, "")]), [keys::UPLOAD_DIR]);
}
