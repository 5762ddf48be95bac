//! Files of kinds other than text, read by the child process itself.

use std::fmt::Write as _;

use http::StatusCode;
use serde_json::{Value, json};

use crate::test_app::{DOCUMENTS, TestApp, upload};

/// A PDF whose pages have these texts; poppler finds the objects without a table of them.
fn pdf(pages: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len())
        .map(|page| format!("{} 0 R", 10 + 2 * page))
        .collect();
    let mut pdf = format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
         2 0 obj<</Type/Pages/Kids[{}]/Count {}>>endobj\n\
         3 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n",
        kids.join(" "),
        pages.len()
    );
    for (number, text) in pages.iter().enumerate() {
        let (page, content) = (10 + 2 * number, 11 + 2 * number);
        let stream = format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET");
        let _ = writeln!(
            pdf,
            "{page} 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {content} 0 R\
             /Resources<</Font<</F1 3 0 R>>>>>>endobj\n\
             {content} 0 obj<</Length {}>>stream\n{stream}\nendstream endobj",
            stream.len()
        );
    }
    pdf += "trailer<</Root 1 0 R>>\n%%EOF\n";
    pdf.into_bytes()
}

/// What becomes of a file: the document, once it is processed.
async fn processed(app: &TestApp, filename: &str, content: &[u8]) -> Value {
    let answer = upload(&app.ana, filename, content).await;
    let body = answer.expect(StatusCode::ACCEPTED);
    let id = body["document"]["id"].as_str().unwrap().to_owned();
    app.work_off().await;
    app.ana.get(&format!("{DOCUMENTS}/{id}")).await.json()
}

#[tokio::test]
async fn a_pdf_is_read_page_by_page_and_a_page_without_text_is_a_warning() {
    let app = TestApp::new().await;
    let file = pdf(&["Breathe slowly.", "", "Rest after noon."]);
    let document = processed(&app, "guide.pdf", &file).await;
    assert_eq!(document["state"], "ready", "{document}");
    assert_eq!(document["document_type"], "pdf");
    let warning = json!({
        "code": "page_without_text",
        "message": "page 2 has only a picture; its text was not read",
        "position": {"page": 2},
    });
    assert_eq!(document["warnings"], json!([warning]));
    let text = app.engine.asked()[0].text.clone();
    for (said, page) in [("Breathe slowly.", 1), ("Rest after noon.", 3)] {
        let line = format!(
            r#"{{"block":{{"content":{{"paragraph":"{said}"}},"position":{{"page":{page}}}}}}}"#
        );
        assert!(text.contains(&line), "{text}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_says_why_and_what_to_do() {
    let app = TestApp::new().await;
    let encrypted: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let encrypted = [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &encrypted].concat();
    let late = [&b"x".repeat(100_000)[..], b"\0"].concat();
    let deep = format!("<html><body>{}x", "<div>".repeat(5000));
    for (filename, content, code) in [
        ("scan.pdf", pdf(&["", ""]), "no_text"),
        (
            "cut.pdf",
            b"%PDF-1.7\n%\xe2\xe3\xcf\xd3 and no more".to_vec(),
            "damaged",
        ),
        ("secret.docx", encrypted, "encrypted"),
        ("cut.docx", b"PK\x03\x04 cut off".to_vec(), "damaged"),
        ("late.txt", late, "not_text"),
        ("blank.md", b" \n\n".to_vec(), "empty_document"),
        ("deep.html", deep.into_bytes(), "too_deep"),
    ] {
        let document = processed(&app, filename, &content).await;
        assert_eq!(document["state"], "failed", "{document}");
        assert_eq!(document["error"]["code"], code, "{filename}");
        let reason = document["error"]["reason"].as_str().unwrap();
        assert!(reason.contains(';'), "{reason}");
    }
    assert!(app.engine.asked().is_empty());
}
