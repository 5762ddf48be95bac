//! Tests of encodings and line ends.

use shared_document::{Content, ReadFailure, WarningCode};

use crate::testing::{blocks, failure, summary};

fn text(bytes: &[u8]) -> String {
    let contents = blocks(bytes, "txt").into_iter().map(|block| block.content);
    let texts = contents.map(|content| match content {
        Content::Paragraph(text) => text,
        other => panic!("{other:?}"),
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

fn utf16(text: &str, mark: bool, big: bool) -> Vec<u8> {
    let mark = mark.then_some('\u{feff}').into_iter().collect::<String>();
    let units: Vec<u16> = mark.encode_utf16().chain(text.encode_utf16()).collect();
    let bytes = |unit: &u16| {
        if big {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    };
    units.iter().flat_map(bytes).collect()
}

#[test]
fn every_usual_encoding_is_read() {
    let words = "Guía rápida: «¿Qué es esto?», preguntó el niño.";
    for (mark, big) in [(true, false), (true, true), (false, false), (false, true)] {
        assert_eq!(text(&utf16(words, mark, big)), words, "{mark} {big}");
    }
    let latin1: Vec<u8> = words
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    assert_eq!(text(&latin1), words);
    let warnings = summary(&latin1, "txt").warnings;
    assert_eq!(warnings[0].code, WarningCode::GuessedCharset);
    let (russian, _, _) = encoding_rs::WINDOWS_1251.encode("Дышите медленно и считайте до десяти.");
    assert_eq!(text(&russian), "Дышите медленно и считайте до десяти.");
    let (quotes, _, _) = encoding_rs::WINDOWS_1252.encode("It’s “fine” – for 5 €");
    assert_eq!(text(&quotes), "It’s “fine” – for 5 €");
    let (japanese, _, _) = encoding_rs::SHIFT_JIS.encode("ゆっくり呼吸をして、十まで数えます。");
    assert_eq!(text(&japanese), "ゆっくり呼吸をして、十まで数えます。");
    assert_eq!(
        summary("é".as_bytes(), "txt").charset.as_deref(),
        Some("utf-8")
    );
}

#[test]
fn one_broken_byte_makes_no_other_encoding_of_a_long_text() {
    let mut bytes = "Frühstück für alle. ".repeat(1000).into_bytes();
    bytes.extend_from_slice(b"\xff end");
    assert!(text(&bytes).contains("Frühstück"));
    let warnings = summary(&bytes, "txt").warnings;
    assert_eq!(warnings[0].code, WarningCode::UnreadableCharacters);
}

#[test]
fn what_is_no_text_is_refused() {
    for bytes in [
        &b"a\0b"[..],
        b"\xff\xfe\0\0a\0\0\0",
        b"\x01\x02\x03\x04\x05\x06",
    ] {
        assert_eq!(failure(bytes, "txt"), ReadFailure::NotText);
    }
    let late = [&b"x".repeat(100_000)[..], b"\0"].concat();
    assert_eq!(failure(&late, "txt"), ReadFailure::NotText);
    for blank in ["", " \n\t\r\n", "\u{feff}", "\u{200b}\u{a0}\n"] {
        assert_eq!(
            failure(blank.as_bytes(), "txt"),
            ReadFailure::EmptyDocument,
            "{blank:?}"
        );
    }
}

#[test]
fn lines_end_in_every_way_and_paragraphs_at_empty_ones() {
    assert_eq!(text(b"\xef\xbb\xbfa\r\nb\rc\n\r\nd"), "a\nb\nc\n\nd");
    assert_eq!(text(b"one\rtwo\rthree"), "one\ntwo\nthree");
    assert_eq!(
        text("Breathing\u{b}Movement\u{c}Page".as_bytes()),
        "Breathing\nMovement\nPage"
    );
    let long = "静".repeat(40_000);
    assert_eq!(text(long.as_bytes()).replace('\n', ""), long);
    // A carriage return at the end of a piece, its line feed at the start of the next.
    let cut = format!("{}\r\nnext", "x".repeat(64 * 1024 - 1));
    assert!(text(cut.as_bytes()).ends_with("x\n\nnext"));
}
