//! Files of kinds other than text, read by the child process itself.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use http::StatusCode;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

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

/// A PDF of these numbered objects; the first one is its catalogue.
fn pdf_of(objects: &[(usize, String)]) -> Vec<u8> {
    let mut pdf = String::from("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n");
    for (number, body) in objects {
        let _ = writeln!(pdf, "{number} 0 obj{body}endobj");
    }
    pdf += "trailer<</Root 1 0 R>>\n%%EOF\n";
    pdf.into_bytes()
}

fn stream(entries: &str, text: &str) -> String {
    let length = text.len();
    format!("<<{entries}/Length {length}>>stream\n{text}\nendstream ")
}

/// A page that draws a form which draws the next one ten times, and so on.
fn multiplied_forms(depth: usize) -> Vec<u8> {
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R\
                /Resources<</XObject<</X 10 0 R>>>>>>";
    let mut objects = vec![
        (2, "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned()),
        (3, page.to_owned()),
        (4, stream("", "/X Do")),
    ];
    for level in 0..depth {
        let next = 11 + level;
        let form = format!(
            "/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</XObject<</X {next} 0 R>>>>"
        );
        objects.push((10 + level, stream(&form, &"/X Do ".repeat(10))));
    }
    let last = "/Type/XObject/Subtype/Form/BBox[0 0 612 792]";
    objects.push((10 + depth, stream(last, "0 0 m 9 9 l S")));
    pdf_of(&objects)
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

/// An archive of those files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn every_pdf_in_an_archive_is_read_and_one_that_cannot_be_keeps_none_from_it() {
    let app = TestApp::new().await;
    let calm = pdf(&["Breathe slowly.", "Rest after noon."]);
    let inner = archive(&[("Sleep/night.pdf", &pdf(&["Keep the bedroom cold."]))]);
    // More text than a pipe holds, and a request that is longer than one, too.
    let long = pdf(&vec!["Walk every morning."; 5_000]);
    let file = archive(&[
        ("Guide/calm.pdf", &calm),
        ("Guide/cut.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3 and no more"),
        ("Guide/long.pdf", &long),
        ("Guide/scan.pdf", &pdf(&[""])),
        ("Guide/last.md", b"Drink water."),
    ]);
    let document = processed(&app, "guide.zip", &file).await;
    assert_eq!(document["state"], "ready", "{document}");
    let text = app.engine.asked()[0].text.clone();
    for (said, anchor) in [
        ("Breathe slowly.", "Guide/calm.pdf#page=1"),
        ("Rest after noon.", "Guide/calm.pdf#page=2"),
        ("Walk every morning.", "Guide/long.pdf#page=5000"),
        ("Drink water.", "Guide/last.md"),
    ] {
        let position = format!(r#""position":{{"anchor":"{anchor}"}}"#);
        let line = format!(r#"{{"block":{{"content":{{"paragraph":"{said}"}},{position}}}}}"#);
        assert!(text.contains(&line), "{anchor}");
    }
    let warned = document["warnings"].as_array().unwrap().iter();
    let skipped = warned.filter(|warning| warning["code"] == "part_skipped");
    let skipped: Vec<_> = skipped
        .map(|warning| &warning["position"]["anchor"])
        .collect();
    assert_eq!(skipped, ["Guide/cut.pdf", "Guide/scan.pdf"]);

    let nested = archive(&[("part.zip", &inner)]);
    let document = processed(&app, "parts.zip", &nested).await;
    assert_eq!(document["warnings"], json!([]), "{document}");
    let text = app.engine.asked()[1].text.clone();
    assert!(text.contains("Keep the bedroom cold."), "{text}");
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
        ("pages.pdf", pdf(&vec!["page"; 10_001]), "too_many_parts"),
        (
            "circle.pdf",
            pdf_of(&[(
                2,
                "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000>>".to_owned(),
            )]),
            "damaged",
        ),
        ("forms.pdf", multiplied_forms(2), "no_text"),
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

#[tokio::test]
#[ignore = "needs a minute of processor time: tests/exhaustive attacks"]
async fn a_pdf_without_end_ends_in_time_and_keeps_no_other_document_waiting() {
    let app = TestApp::new().await;
    let endless = upload(&app.ana, "endless.pdf", &multiplied_forms(12)).await;
    let endless = endless.expect(StatusCode::ACCEPTED)["document"]["id"].clone();
    let other = upload(&app.ana, "notes.md", b"Rest after noon.").await;
    let other = other.expect(StatusCode::ACCEPTED)["document"]["id"].clone();
    app.work_off().await;
    let shown = async |id: Value| {
        let path = format!("{DOCUMENTS}/{}", id.as_str().unwrap());
        app.ana.get(&path).await.json()
    };
    let (endless, other) = (shown(endless).await, shown(other).await);
    assert_eq!(endless["error"]["code"], "timed_out", "{endless}");
    assert_eq!(other["state"], "ready", "{other}");
}
