//! Settings: all problems are reported at once, weak keys are refused.

use std::collections::BTreeMap;

use channel_service::{Config, SocketCaps};
use shared_config::{Reader, Service};
use shared_testkit::service_keys;

fn valid() -> BTreeMap<String, String> {
    let pairs = [
        ("DATABASE_HOST", "postgres"),
        ("DATABASE_USER", "channel_app"),
        ("DATABASE_PASSWORD", "a sufficiently long test password"),
        ("REDIS_HOST", "redis"),
        ("TOKEN_ISSUER", "creator-platform"),
        ("TOKEN_AUDIENCE", "creator-platform-api"),
        ("AUTH_URL", "http://auth:8001"),
        ("AI_ENGINE_URL", "http://ai-engine:8003/"),
        ("CREATOR_HUB_URL", "http://creator-hub:8002/"),
        ("PUBLIC_URL", "https://platform.example"),
        ("WIDGET_TOKEN_KEY", "qL7wE2rT9yU4iO1pA6sD3fG8hJ5kZ0xC"),
        ("DEMO_PAGE", "true"),
    ];
    let pairs = pairs.map(|(key, value)| (key, value.to_owned()));
    let pairs = pairs.into_iter().chain(service_keys(Service::Channel));
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}

#[test]
fn a_complete_environment_is_accepted() {
    let config = Config::from_reader(Reader::from_map(valid())).unwrap();
    assert_eq!(config.serve.listen.port(), 8004);
    assert_eq!(config.ai_engine_url, "http://ai-engine:8003");
    assert!(config.demo_page);
}

#[test]
fn socket_bounds_default_to_the_limits_of_the_gateway() {
    let config = Config::from_reader(Reader::from_map(valid())).unwrap();
    assert_eq!(config.sockets, SocketCaps::of(1_500, 100));
    let mut values = valid();
    values.insert("SOCKETS_PER_PROCESS".to_owned(), "300".to_owned());
    values.insert("SOCKETS_PER_ADDRESS".to_owned(), "7".to_owned());
    let config = Config::from_reader(Reader::from_map(values.clone())).unwrap();
    assert_eq!(config.sockets, SocketCaps::of(300, 7));
    values.insert("SOCKETS_PER_ADDRESS".to_owned(), "0".to_owned());
    let problems = Config::from_reader(Reader::from_map(values)).unwrap_err();
    assert_eq!(problems.0[0].key, "SOCKETS_PER_ADDRESS");
}

#[test]
fn socket_bounds_are_lowered_to_the_open_file_limit() {
    let caps = SocketCaps::of(1_500, 100);
    assert_eq!(caps.within(1_000_000), caps);
    assert_eq!(caps.within(1_024), SocketCaps::of(768, 100));
}

#[test]
fn all_missing_settings_are_reported_at_once() {
    let problems = Config::from_reader(Reader::from_map(BTreeMap::new())).unwrap_err();
    let missing: Vec<_> = problems
        .0
        .iter()
        .map(|problem| problem.key.to_owned())
        .collect();
    let expected: Vec<_> = valid()
        .into_keys()
        .filter(|key| key != "DEMO_PAGE")
        .collect();
    for key in &expected {
        assert!(missing.contains(key), "{key}");
    }
    assert_eq!(missing.len(), expected.len());
}

#[test]
fn a_short_key_or_a_placeholder_is_refused() {
    for weak in [
        "changeme-changeme-changeme-changeme",
        "twenty-characters-xx",
    ] {
        let mut values = valid();
        values.insert("WIDGET_TOKEN_KEY".to_owned(), weak.to_owned());
        let problems = Config::from_reader(Reader::from_map(values)).unwrap_err();
        assert_eq!(problems.0[0].key, "WIDGET_TOKEN_KEY", "{weak}");
        assert!(!problems.to_string().contains(weak));
    }
}
