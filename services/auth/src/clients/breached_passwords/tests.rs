//! A known password is found, an unknown one is not, and silence is no objection.

use std::path::PathBuf;
use std::time::Instant;

use super::*;

fn file_of(name: &str, count: usize) -> (PathBuf, Vec<String>) {
    let passwords: Vec<String> = (0..count).map(|number| format!("word-{number}")).collect();
    let mut hashes: Vec<String> = passwords.iter().map(|word| hash(word)).collect();
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
fn the_hash_is_the_one_of_the_lists() {
    assert_eq!(hash("password"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
}

#[test]
fn every_line_of_a_file_is_found_and_nothing_else() {
    for count in [0, 1, 2, 100, 3_000] {
        let (path, passwords) = file_of("breached", count);
        for word in &passwords {
            assert!(file::holds(&path, &hash(word)).unwrap(), "{count}: {word}");
        }
        for number in 0..500 {
            let unknown = hash(&format!("other-{number}"));
            assert!(!file::holds(&path, &unknown).unwrap(), "{count}: {number}");
        }
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn padding_is_no_entry() {
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
async fn a_service_that_says_nothing_stops_nobody() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let http = shared_rpc::http_client::new().unwrap();
    let away = "http://127.0.0.1:1".to_owned();
    for url in [silent, away] {
        let list = Some(BreachedList::Service(url));
        let began = Instant::now();
        let verdict = Breached::new(list, http.clone()).check("password").await;
        assert_eq!(verdict, None);
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }
}
