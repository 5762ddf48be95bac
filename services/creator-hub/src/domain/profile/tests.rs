//! What a profile holds, and what it refuses.

use super::*;

#[test]
fn only_addresses_on_the_web_are_urls() {
    let url = WebUrl::try_from(" https://ana.example/über ".to_owned()).unwrap();
    assert_eq!(String::from(url), "https://ana.example/%C3%BCber");
    for text in [
        "",
        "ana.example",
        "ftp://ana.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://ana:secret@example.com",
        &format!("https://example.com/{}", "a".repeat(2000)),
        &format!("https://{}", "0".repeat(2000)),
    ] {
        assert!(WebUrl::try_from(text.to_owned()).is_err(), "{text}");
    }
}

#[test]
fn a_time_zone_is_one_of_the_database_and_takes_its_spelling() {
    let zone = ZoneName::try_from("europe/madrid".to_owned()).unwrap();
    assert_eq!(String::from(zone), "Europe/Madrid");
    for text in ["", "Mars/Olympus", "UTC+2", "../etc/passwd"] {
        assert!(ZoneName::try_from(text.to_owned()).is_err(), "{text}");
    }
}

#[test]
fn a_language_tag_takes_its_usual_case() {
    for (given, kept) in [
        ("EN", "en"),
        ("pt-br", "pt-BR"),
        ("ZH-hant-tw", "zh-Hant-TW"),
    ] {
        assert_eq!(
            String::from(LanguageTag::try_from(given.to_owned()).unwrap()),
            kept
        );
    }
    for text in [
        "",
        "e",
        "english",
        "en_US",
        "en-",
        "en-ü",
        "12",
        &"en-abcdefgh".repeat(4),
    ] {
        assert!(LanguageTag::try_from(text.to_owned()).is_err(), "{text}");
    }
}

#[test]
fn years_end_at_fifty() {
    assert!(Years::try_from(50).is_ok());
    assert!(Years::try_from(51).is_err());
}
