//! The reader reports every problem, and never a value.

use super::*;
use crate::keys;

fn reader(values: &[(&str, &str)]) -> Reader {
    Reader::from_map(
        values
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    )
}

#[test]
fn every_problem_is_reported_at_once() {
    let mut reader = reader(&[
        (keys::DATABASE_PORT, "many"),
        (keys::REDIS_PASSWORD, "short"),
    ]);
    reader.required(keys::DATABASE_HOST);
    reader.parsed(keys::DATABASE_PORT, 5432_u16);
    reader.secret(keys::REDIS_PASSWORD);
    reader.url(keys::AUTH_URL);
    let problems = reader.finish(()).unwrap_err();
    let named: Vec<_> = problems.0.iter().map(|problem| problem.key).collect();
    assert_eq!(
        named,
        [
            keys::DATABASE_HOST,
            keys::DATABASE_PORT,
            keys::REDIS_PASSWORD,
            keys::AUTH_URL
        ]
    );
    assert!(
        !problems.to_string().contains("short\""),
        "a value must not be printed"
    );
}

#[test]
fn a_placeholder_is_not_a_secret() {
    for value in [
        "changeme-changeme-changeme",
        "password123456789",
        "SECRET-of-the-platform",
    ] {
        let mut reader = reader(&[(keys::INTERNAL_TOKEN_KEY, value)]);
        reader.secret(keys::INTERNAL_TOKEN_KEY);
        assert!(reader.finish(()).is_err(), "{value}");
    }
}

#[test]
fn a_full_set_is_accepted() {
    let mut reader = reader(&[
        (keys::AUTH_URL, "http://auth:8001/"),
        (keys::INTERNAL_TOKEN_KEY, "6f1c2a9e0b7d4c35a8e1"),
        (keys::DATABASE_MAX_CONNECTIONS, "7"),
    ]);
    assert_eq!(reader.url(keys::AUTH_URL), "http://auth:8001");
    assert_eq!(
        reader.bounded(keys::DATABASE_MAX_CONNECTIONS, 10, 1, 100),
        7
    );
    assert_eq!(reader.secret(keys::INTERNAL_TOKEN_KEY).expose().len(), 20);
    assert!(reader.finish(()).is_ok());
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(***)");
}
