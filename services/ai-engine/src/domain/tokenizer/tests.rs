//! The terms of texts: equal things are equal terms, whatever their spelling.

use super::*;

fn document(text: &str) -> Vec<String> {
    document_terms(text, StemLanguage::English)
}

/// Whether the document has each of the question's exact terms in some form.
#[track_caller]
fn finds_exactly(text: &str, question: &str) {
    let document = document(text);
    let whole = |term: &ExactTerm| !term.is_part;
    let exact: Vec<ExactTerm> = question_exact_terms(question)
        .into_iter()
        .filter(whole)
        .collect();
    assert!(!exact.is_empty(), "{question} has no exact term");
    for term in exact {
        let is_found = term.forms.iter().any(|form| document.contains(form));
        assert!(is_found, "{question}: {term:?} not in {document:?}");
    }
}

/// Whether the question and the document share a term of that kind.
fn share(text: &str, question: &str, kind: TermKind) -> bool {
    let document = document(text);
    question_terms(question)
        .iter()
        .any(|term| TermKind::of_term(term) == kind && document.contains(term))
}

#[test]
fn identifiers_addresses_and_numbers_are_found_as_written() {
    for (text, question) in [
        ("The fault ZX-4437 means low pressure.", "zx-4437"),
        ("(see ZX-4437.)", "What is ZX-4437?"),
        (
            "Write to marta.ruiz@example.org, please.",
            "marta.ruiz@example.org",
        ),
        (
            "Write to <marta.ruiz@example.org>.",
            "who is at example.org",
        ),
        ("Our shop: https://www.example.org/shop.", "www.example.org"),
        ("Our shop: https://www.example.org/shop.", "example.org"),
        ("The sleep/wake cycle", "sleep/wake"),
        ("Install v1.2.3 first", "1.2.3"),
        ("Install v1.2.3 first", "v1.2.3"),
        ("Install 1.2.3 first", "v1.2.3"),
        ("See example.org", "www.example.org"),
        ("Ring +34 600 123 456", "600-123-456"),
        ("It lasts 3.5 hours", "3.5 hours"),
        ("Es dauert 3,5 Stunden", "3.5"),
        ("on 2027-03-14 at noon", "2027-03-14"),
        ("omega-3 oil", "Omega\u{2011}3"),
        ("Part XK4471QZ", "xk4471qz"),
        ("I write C# and C++.", "C#"),
        ("I write C# and C++.", "is C++ hard?"),
    ] {
        finds_exactly(text, question);
    }
}

#[test]
fn a_number_is_found_in_every_spelling() {
    let has = |text: &str, term: &str| document(text).iter().any(|found| found == term);
    for text in [
        "+34 600 123 456",
        "600-123-456",
        "600 123 456",
        "600.123.456",
        "call 600 123 456.",
    ] {
        assert!(has(text, "=600123456"), "{text}: {:?}", document(text));
    }
    for text in ["1,250 euros", "1.250 Euro", "1 250 euros"] {
        assert!(has(text, "=1250"), "{text}: {:?}", document(text));
    }
}

#[test]
fn a_word_is_found_whatever_its_encoding() {
    let composed = "Fr\u{fc}hst\u{fc}ckstisch";
    let decomposed = "Fru\u{308}hstu\u{308}ckstisch";
    assert_eq!(document(composed), document(decomposed));
    assert!(document(composed).contains(&"~fruhstuckstisch".to_owned()));
    assert_eq!(
        document("Schlaf\u{ad}rhyth\u{ad}mus"),
        document("Schlafrhythmus")
    );
    assert_eq!(
        document("Ged\u{200b}\u{e4}chtnis"),
        document("Ged\u{e4}chtnis")
    );
    assert!(share(
        "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940} में",
        "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
        TermKind::Word
    ));
    assert_eq!(document("\u{fb01}ne"), document("fine"));
}

#[test]
fn words_inside_a_clause_without_spaces_are_found() {
    for (text, question) in [
        (
            "\u{7761}\u{524d}\u{516b}\u{5c0f}\u{65f6}\u{4e0d}\u{8981}\u{559d}\u{5496}\u{5561}",
            "\u{5496}\u{5561}",
        ),
        (
            "\u{30b3}\u{30fc}\u{30d2}\u{30fc}\u{3092}\u{98f2}\u{3080}",
            "\u{30b3}\u{30fc}\u{30d2}\u{30fc}",
        ),
        (
            "\u{e01}\u{e32}\u{e41}\u{e1f}\u{e23}\u{e49}\u{e2d}\u{e19}",
            "\u{e01}\u{e32}\u{e41}\u{e1f}",
        ),
    ] {
        let document = document(text);
        let asked = question_terms(question);
        assert!(!asked.is_empty());
        assert!(
            asked.iter().all(|term| document.contains(term)),
            "{asked:?} in {document:?}"
        );
    }
}

#[test]
fn stems_join_the_forms_of_a_word_in_its_language() {
    assert!(share("How to breathe calmly", "breathing", TermKind::Stem));
    let german = document_terms("Wir bieten viele Behandlungen an", StemLanguage::German);
    assert!(
        question_terms("Behandlung")
            .iter()
            .any(|term| german.contains(term))
    );
    assert!(!share("universal", "breathing", TermKind::Stem));
}

#[test]
fn the_language_of_a_document_is_detected_and_short_text_is_english() {
    assert_eq!(StemLanguage::detect("Hallo Welt"), StemLanguage::English);
    let german = "Die Rückgabe ist innerhalb von dreißig Tagen möglich, wenn die Ware unbenutzt \
        ist. Bitte schreiben Sie uns eine Nachricht mit der Nummer Ihrer Bestellung, und wir \
        schicken Ihnen einen Aufkleber für das Paket. Das Geld kommt nach einer Woche zurück.";
    assert_eq!(StemLanguage::detect(german), StemLanguage::German);
}

#[test]
fn terms_are_bounded() {
    let endless = "x".repeat(100_000);
    assert!(document(&endless).is_empty());
    let long = format!("{}-1", "ab".repeat(100));
    assert!(
        document(&long)
            .iter()
            .all(|term| term.len() <= MAX_EXACT + 1)
    );
}
