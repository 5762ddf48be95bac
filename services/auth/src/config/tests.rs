//! Defaults and refused settings.

use std::collections::BTreeMap;

use super::*;

fn complete() -> BTreeMap<String, String> {
    [
        (keys::DATABASE_HOST, "postgres"),
        (keys::DATABASE_USER, "auth_app"),
        (keys::DATABASE_PASSWORD, "a-long-one-of-this-test"),
        (keys::REDIS_HOST, "redis"),
        (keys::AUTH_URL, "http://auth:8001"),
        (keys::TOKEN_ISSUER, "issuer"),
        (keys::TOKEN_AUDIENCE, "audience"),
        (
            keys::DATA_KEY,
            "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=",
        ),
        (
            keys::SIGNING_SEED,
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        ),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .into_iter()
    .chain(shared_testkit::service_keys(Service::Auth))
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn read(changes: &[(&'static str, &str)]) -> Result<Config, Problems> {
    let mut values = complete();
    for (key, value) in changes {
        values.insert((*key).to_owned(), (*value).to_owned());
    }
    Config::from_reader(Reader::from_map(values))
}

fn problem_keys(changes: &[(&'static str, &str)]) -> Vec<&'static str> {
    let problems = read(changes).expect_err("settings that are refused").0;
    problems.into_iter().map(|problem| problem.key).collect()
}

#[test]
fn absent_settings_have_the_documented_defaults() {
    let config = read(&[]).unwrap();
    assert_eq!(config.tokens.access_ttl, Duration::from_mins(15));
    assert_eq!(config.tokens.refresh_ttl, Duration::from_hours(720));
    assert_eq!(config.tokens.session_ttl, Duration::from_hours(90 * 24));
    assert_eq!(
        (config.hashing.memory_kib, config.hashing.iterations),
        (19_456, 2)
    );
    assert!(config.hashing.concurrency >= 1);
    assert_eq!(config.registration, Registration::Open);
    assert_eq!(config.password_min_length, 8);
    assert_eq!(config.tokens.seed.expose()[31], 31);
}

#[test]
fn a_seed_that_is_not_32_random_bytes_is_refused() {
    for seed in [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", // 31 bytes
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gIQ==", // 34 bytes
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", // zeros
        "not base64 at all, but long enough",
    ] {
        assert_eq!(
            problem_keys(&[(keys::SIGNING_SEED, seed)]),
            [keys::SIGNING_SEED],
            "{seed}"
        );
    }
    assert_eq!(
        problem_keys(&[(keys::SIGNING_SEED, "")]),
        [keys::SIGNING_SEED]
    );
}

#[test]
fn all_problems_are_reported_at_once_without_values() {
    let problems = read(&[
        (keys::SIGNING_SEED, "a-seed-that-nobody-may-see"),
        (keys::SELF_REGISTRATION, "perhaps"),
        (keys::ARGON2_MEMORY_KIB, "64"),
        (keys::PASSWORD_MIN_LENGTH, "4"),
        (keys::DATABASE_HOST, ""),
    ])
    .unwrap_err();
    assert_eq!(problems.0.len(), 5, "{problems}");
    assert!(!problems.to_string().contains("nobody-may-see"));
}

#[test]
fn a_data_key_is_required_and_a_previous_one_is_optional() {
    assert_eq!(problem_keys(&[(keys::DATA_KEY, "")]), [keys::DATA_KEY]);
    let previous = (
        keys::DATA_KEY_PREVIOUS,
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    );
    let config = read(&[previous]).unwrap();
    assert_eq!(config.data_keys.previous.unwrap().expose()[31], 31);
    assert_eq!(read(&[]).unwrap().data_keys.previous, None);
    let short = (keys::DATA_KEY_PREVIOUS, "c2hvcnQgYnV0IHZhbGlk");
    assert_eq!(problem_keys(&[short]), [keys::DATA_KEY_PREVIOUS]);
}

#[test]
fn mail_settings_are_complete_and_no_password_is_sent_unencrypted() {
    let host = (keys::SMTP_HOST, "mail.example.com");
    let from = (keys::SMTP_FROM, "platform@example.com");
    let international = (keys::SMTP_FROM, "Platform@b\u{fc}cher.example");
    let server = read(&[host, international]).unwrap().mail.smtp.unwrap();
    assert_eq!(server.from, "platform@xn--bcher-kva.example");
    let server = read(&[host, from]).unwrap().mail.smtp.unwrap();
    assert_eq!((server.port, server.tls), (587, SmtpTls::StartTls));
    assert!(server.login.is_none());
    assert!(read(&[]).unwrap().mail.smtp.is_none());
    assert_eq!(problem_keys(&[host]), [keys::SMTP_FROM]);
    assert_eq!(
        problem_keys(&[host, (keys::SMTP_FROM, "nobody")]),
        [keys::SMTP_FROM]
    );
    let name = (keys::SMTP_USERNAME, "platform");
    assert_eq!(problem_keys(&[host, from, name]), [keys::SMTP_PASSWORD]);
    let login = [host, from, name, (keys::SMTP_PASSWORD, "word")];
    let open = [&login[..], &[(keys::SMTP_TLS, "none")]].concat();
    assert_eq!(problem_keys(&open), [keys::SMTP_TLS]);
    let wrong = [host, from, (keys::SMTP_TLS, "perhaps")];
    assert_eq!(problem_keys(&wrong), [keys::SMTP_TLS]);
}

#[test]
fn a_list_of_breached_passwords_is_a_file_or_a_service() {
    let read = |value| read(&[(keys::BREACHED_PASSWORDS, value)]).unwrap().breached;
    assert_eq!(read(""), None);
    let service = BreachedList::Service("https://api.example.com/range".to_owned());
    assert_eq!(read("https://api.example.com/range/"), Some(service));
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert_eq!(read(here), Some(BreachedList::File(here.into())));
    let missing = (keys::BREACHED_PASSWORDS, "/nowhere/at/all");
    assert_eq!(problem_keys(&[missing]), [keys::BREACHED_PASSWORDS]);
}
