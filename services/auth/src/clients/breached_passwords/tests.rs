//! Listed passwords are found, others are not, and a failed lookup accepts the password.

use std::path::PathBuf;
use std::time::Instant;

use super::*;

fn sorted_file_of(name: &str, count: usize) -> (PathBuf, Vec<String>) {
    let passwords: Vec<String> = (0..count)
        .map(|number| format!("password-{number}"))
        .collect();
    let mut hashes: Vec<String> = passwords.iter().map(|password| hash(password)).collect();
    hashes.sort();
    let mut text = String::new();
    for (number, hash) in hashes.iter().enumerate() {
        writeln!(text, "{hash}:{}", number * 7919).unwrap();
    }
    let path = std::env::temp_dir().join(format!("{name}-{}.txt", std::process::id()));
    std::fs::write(&path, text).unwrap();
    (path, passwords)
}

#[test]
fn the_hash_is_upper_case_sha1() {
    assert_eq!(hash("password"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
}

#[test]
fn every_line_of_a_sorted_file_is_found_and_nothing_else() {
    for count in [0, 1, 2, 100, 3_000] {
        let (path, passwords) = sorted_file_of("breached", count);
        for password in &passwords {
            let found = sorted_file::contains(&path, &hash(password)).unwrap();
            assert!(found, "{count}: {password}");
        }
        for number in 0..500 {
            let unknown = hash(&format!("other-{number}"));
            let found = sorted_file::contains(&path, &unknown).unwrap();
            assert!(!found, "{count}: {number}");
        }
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn padding_does_not_count_as_an_entry() {
    assert!(is_entry(
        "0018A45C4D1DEF81644B54AB7F969B88D65:21",
        "0018A45C4D1DEF81644B54AB7F969B88D65"
    ));
    assert!(!is_entry(
        "0018A45C4D1DEF81644B54AB7F969B88D65:0",
        "0018A45C4D1DEF81644B54AB7F969B88D65"
    ));
    assert!(!is_entry(
        "0018A45C4D1DEF81644B54AB7F969B88D66:2",
        "0018A45C4D1DEF81644B54AB7F969B88D65"
    ));
}

#[tokio::test]
async fn a_password_is_accepted_when_the_service_does_not_respond() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let http = shared_rpc::http_client::new().unwrap();
    let unreachable = "http://127.0.0.1:1".to_owned();
    for url in [silent, unreachable] {
        let list = Some(BreachedList::Service(url));
        let started = Instant::now();
        let violation = BreachedPasswords::new(list, http.clone())
            .check("password")
            .await;
        assert_eq!(violation, None);
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
    }
}
