//! Uploads: what is accepted, what is refused, and that a refused one leaves nothing.

use std::fs;

use http::{Method, StatusCode, header};
use serde_json::json;
use shared_models::Role;

use crate::test_app::{DOCUMENTS, TestApp, form, send_form, send_raw, upload};

#[tokio::test]
async fn a_text_is_accepted_as_a_document_and_a_job() {
    let app = TestApp::new().await;
    let text = "# Sleep\n\nBreathe slowly.";
    let answer = send_form(
        &app.ana,
        &[
            ("title", None, b"Sleep well"),
            ("description", None, b""),
            ("tags", None, b"sleep, calm ,Sleep"),
            ("file", Some("../notes/sleep.md"), text.as_bytes()),
            ("tags", None, b"night"),
        ],
    )
    .await;
    let location = answer.headers[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    let body = answer.expect(StatusCode::ACCEPTED);
    let (document, job) = (&body["document"], &body["job"]);
    let id = document["id"].as_str().unwrap();
    assert_eq!(location, format!("{DOCUMENTS}/{id}"));
    assert_eq!(document["title"], "Sleep well");
    assert_eq!(document["description"], json!(null));
    assert_eq!(document["tags"], json!(["sleep", "calm", "night"]));
    assert_eq!(document["filename"], "sleep.md");
    assert_eq!(document["document_type"], "md");
    assert_eq!(document["file_size"], text.len());
    assert_eq!(document["state"], "pending");
    assert_eq!(
        (&job["kind"], &job["state"]),
        (&json!("ingest_document"), &json!("queued"))
    );
    assert_eq!(job["document_id"], document["id"]);

    let hash = document["content_hash"].as_str().unwrap();
    let place = app
        .config
        .upload_dir
        .join(app.creator.to_string())
        .join(hash);
    assert_eq!(fs::read_to_string(&place).unwrap(), text);
    assert_eq!(app.files(), [place], "no mark and no part stays");
    assert_eq!(app.ana.get(&location).await.json(), *document);
}

#[tokio::test]
async fn a_document_without_a_title_is_called_like_its_file() {
    let app = TestApp::new().await;
    let answer = upload(&app.ana, "Better sleep.TXT", "\u{feff}Hello".as_bytes()).await;
    let body = answer.expect(StatusCode::ACCEPTED);
    assert_eq!(body["document"]["title"], "Better sleep");
    assert_eq!(body["document"]["document_type"], "txt");
}

#[tokio::test]
async fn what_is_not_read_is_refused_and_told_what_is_accepted() {
    let app = TestApp::new().await;
    for (filename, content) in [
        ("a", &b"text without an extension"[..]),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("a.jar", b"PK\x03\x04 an archive"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0"),
        ("a.md", b"nul \0 within"),
        ("a.txt", b"\x7fELF\x02\x01\x01\0\0\0"),
    ] {
        let answer = upload(&app.ana, filename, content).await;
        assert_eq!(
            answer.status,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{filename}"
        );
        assert_eq!(answer.code(), "unsupported_media_type");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains(".txt") && detail.contains(".md"),
            "{detail}"
        );
    }
    assert!(app.files().is_empty());
    assert_eq!(app.count("select count(*) from hub.documents").await, 0);
}

#[tokio::test]
async fn the_kind_is_told_by_the_content_first() {
    let app = TestApp::new().await;
    for (filename, content, kind) in [
        ("a.pdf", &b"%PDF-1.7"[..], "pdf"),
        ("b.txt", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "pdf"),
        ("c.txt", b"\xff\xfet\x00e\x00x\x00t\x00", "txt"),
        ("d.txt", b"<!DOCTYPE html><p>A page", "html"),
        ("e.docx", b"PK\x03\x04 parts", "docx"),
        ("f.csv", b"a;b\n1;2", "csv"),
        ("g.md", b"Latin-1: Gu\xeda", "md"),
    ] {
        let answer = upload(&app.ana, filename, content).await;
        let document = answer.expect(StatusCode::ACCEPTED)["document"].clone();
        assert_eq!(document["document_type"], kind, "{filename}");
        assert_eq!(document["warnings"], json!([]));
    }
}

/// A form whose file is named as that client names it.
fn named(parameter: &[u8]) -> Vec<u8> {
    let mut body =
        b"--a-boundary-of-the-test\r\nContent-Disposition: form-data; name=\"file\"".to_vec();
    body.extend_from_slice(parameter);
    body.extend_from_slice(b"\r\nContent-Type: text/markdown\r\n\r\n# Hola\n\nUn texto. ");
    body.extend_from_slice(parameter);
    body.extend_from_slice(b"\r\n--a-boundary-of-the-test--\r\n");
    body
}

#[tokio::test]
async fn names_of_files_are_read_as_every_client_writes_them() {
    let app = TestApp::new().await;
    for (parameter, title) in [
        (
            &b"; filename*=UTF-8''Gu%C3%ADa%20r%C3%A1pida.md"[..],
            "Guía rápida",
        ),
        (
            b"; filename=\"=?utf-8?B?R3XDrWEgcsOhcGlkYSAyLm1k?=\"",
            "Guía rápida 2",
        ),
        (b"; filename=\"Gu\xeda.md\"", "Guía"),
        (b"; filename=\"say %22hi%22.md\"", "say \"hi\""),
        (b"; filename=\"../../tmp/evil.md\"", "evil"),
        ("; filename=\"plan\u{202e}dm.md\"".as_bytes(), "plandm"),
    ] {
        let answer = send_raw(&app.ana, named(parameter)).await;
        let document = answer.expect(StatusCode::ACCEPTED)["document"].clone();
        assert_eq!(document["title"], title);
    }
    for parameter in [&b""[..], b"; filename=\"\"", b"; filename*=koi8-r''x.md"] {
        let answer = send_raw(&app.ana, named(parameter)).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{}",
            answer.text()
        );
        assert_eq!(
            answer.json()["errors"][0]["field"],
            "filename",
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    let app = TestApp::new().await;
    let answer = upload(&app.ana, "a.txt", b"").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.code(), "empty_file");
    assert!(app.files().is_empty());
}

#[tokio::test]
async fn a_form_that_is_wrong_is_told_which_field() {
    let app = TestApp::new().await;
    let file = ("file", Some("a.txt"), &b"text"[..]);
    let long = "x".repeat(20_000);
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    for (parts, field) in [
        (vec![("title", None, &b"no file"[..])], "file"),
        (vec![file, file], "file"),
        (
            vec![file, ("title", None, &long.as_bytes()[..201])],
            "title",
        ),
        (vec![file, ("title", None, long.as_bytes())], "title"),
        (vec![("title", None, b"two\nlines"), file], "title"),
        (vec![file, ("title", None, b"\xff")], "title"),
        (
            vec![file, ("description", None, &long.as_bytes()[..1001])],
            "description",
        ),
        (vec![file, ("tags", None, &long.as_bytes()[..51])], "tags"),
        (
            vec![file, ("tags", None, many.join(",").as_bytes())],
            "tags",
        ),
        (
            vec![
                file,
                ("creator_id", None, b"0193a5e0-7c1b-7f2e-9d3c-5a4b6e8f0a12"),
            ],
            "form",
        ),
    ] {
        let answer = send_form(&app.ana, &parts).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{field}: {}",
            answer.text()
        );
        assert_eq!(
            answer.json()["errors"][0]["field"],
            field,
            "{}",
            answer.text()
        );
    }
    assert!(app.files().is_empty());
    assert_eq!(app.count("select count(*) from hub.documents").await, 0);
}

#[tokio::test]
async fn a_form_that_breaks_off_leaves_nothing() {
    let app = TestApp::new().await;
    let whole = form(&[("file", Some("a.txt"), "text ".repeat(100_000).as_bytes())]);
    for length in [10, 60, 200_000, whole.len() - 6] {
        let answer = send_raw(&app.ana, whole[..length].to_vec()).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{length}: {}",
            answer.text()
        );
        assert_eq!(answer.code(), "malformed_form");
        assert!(app.files().is_empty(), "{length}");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let app = TestApp::new().await;
    let json = app.ana.post(DOCUMENTS, &json!({"file": "text"})).await;
    assert_eq!(json.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let request = app.ana.request(Method::POST, DOCUMENTS);
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data");
    let answer = app.ana.send(request.body("--x--".into()).unwrap()).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::BAD_REQUEST, "malformed_form".into())
    );
}

#[tokio::test]
async fn fifty_mebibytes_and_one_byte_are_too_many_and_leave_nothing() {
    let app = TestApp::new().await;
    let content = vec![b'a'; 50 * 1024 * 1024 + 1];
    let answer = upload(&app.ana, "a.txt", &content).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.code(), "file_too_large");
    assert!(app.files().is_empty());
    let content = vec![b'a'; 50 * 1024 * 1024];
    let answer = upload(&app.ana, "a.txt", &content).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    assert_eq!(app.files().len(), 1);
}

#[tokio::test]
async fn the_limit_of_the_settings_is_obeyed_to_the_byte() {
    let app = TestApp::with(|config| config.upload_max_bytes = 1000).await;
    let content = [b'a'; 1001];
    assert_eq!(
        upload(&app.ana, "a.txt", &content[..1000]).await.status,
        StatusCode::ACCEPTED
    );
    let answer = upload(&app.ana, "b.txt", &content).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        answer.json()["detail"].as_str().unwrap().contains("1000"),
        "{}",
        answer.text()
    );
    // Far beyond, the body limit ends the reading; a length that says so ends it before.
    let far = vec![b'a'; 400 * 1024];
    assert_eq!(
        upload(&app.ana, "c.txt", &far).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let request = app.ana.request(Method::POST, DOCUMENTS);
    let request = request
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=x")
        .header(header::CONTENT_LENGTH, "10000000000");
    let answer = app.ana.send(request.body("".into()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(app.files().len(), 1);
}

#[tokio::test]
async fn the_same_content_twice_names_the_document_that_has_it() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "the same").await;
    let answer = upload(&app.ana, "b.md", b"the same").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::CONFLICT, "duplicate_document".into())
    );
    assert!(
        answer.json()["detail"].as_str().unwrap().contains(&id),
        "{}",
        answer.text()
    );
    assert_eq!(app.files().len(), 1);
    let other = upload(&app.ben, "a.txt", b"the same").await;
    assert_eq!(
        other.status,
        StatusCode::ACCEPTED,
        "another tenant knows nothing of it"
    );
    assert_eq!(app.files().len(), 2);
}

#[tokio::test]
async fn of_many_uploads_of_one_content_at_once_one_is_accepted() {
    let app = TestApp::new().await;
    let uploads = (0..6).map(|_| upload(&app.ana, "a.txt", b"at once"));
    let answers = futures_util::future::join_all(uploads).await;
    let mut statuses: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409, 409, 409]);
    assert_eq!(app.files().len(), 1);
    assert_eq!(app.count("select count(*) from platform.jobs").await, 1);
}

#[tokio::test]
async fn who_may_only_read_uploads_nothing() {
    let app = TestApp::new().await;
    let claims = app.mint.claims(app.creator, Role::Viewer);
    let viewer = app.anonymous.with_token(&app.mint.sign(&claims));
    assert_eq!(
        upload(&viewer, "a.txt", b"text").await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        upload(&app.anonymous, "a.txt", b"text").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert!(app.files().is_empty());
}

#[tokio::test]
async fn a_file_whose_process_died_before_its_row_is_swept() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "with a row").await;
    let hash = app.ana.get(&format!("{DOCUMENTS}/{id}")).await.json()["content_hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let incoming = app.config.upload_dir.join(".incoming");
    let mark = |hash: &str| incoming.join(format!("{}_{hash}", app.creator));
    let orphan = app
        .config
        .upload_dir
        .join(app.creator.to_string())
        .join("ab".repeat(32));
    fs::write(&orphan, "without a row").unwrap();
    fs::write(mark(&"ab".repeat(32)), "").unwrap();
    fs::write(mark(&hash), "").unwrap();
    fs::write(incoming.join("0193a5e0-part"), "half").unwrap();
    creator_hub_service::jobs::sweep(&app.state, std::time::Duration::ZERO).await;
    let stays = app
        .config
        .upload_dir
        .join(app.creator.to_string())
        .join(hash);
    assert_eq!(app.files(), [stays]);
}
