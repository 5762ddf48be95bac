//! The text of a document as ai-engine reads it: in ranges, and by nobody else.

use http::{Method, StatusCode, header};
use shared_config::Service;
use shared_models::{ContentHash, DocumentId};
use shared_testkit::{Answer, TestClient};

use crate::test_app::TestApp;

struct Text {
    app: TestApp,
    path: String,
    ai_engine: TestClient,
}

impl Text {
    /// An uploaded text that was extracted.
    async fn of(content: &str) -> Self {
        let app = TestApp::new().await;
        app.ready("a.txt", content).await;
        let asked = app.engine.asked().remove(0);
        let path = path(asked.document, asked.wanted.text.hash);
        let verifier = app.mint.verifier(Service::AiEngine);
        let token = verifier
            .signer()
            .tenant_token(Service::CreatorHub, app.creator);
        let ai_engine = app.anonymous.with_token(&token.unwrap());
        Self {
            app,
            path,
            ai_engine,
        }
    }

    async fn read(&self, range: &str) -> Answer {
        get(&self.ai_engine, &self.path, range).await
    }
}

fn path(document: DocumentId, hash: ContentHash) -> String {
    let path = shared_hub_client::TEXT_ROUTE
        .replace("{id}", &document.to_string())
        .replace("{hash}", &hash.to_string());
    format!("/creator-hub{path}")
}

async fn get(client: &TestClient, path: &str, range: &str) -> Answer {
    let request = client
        .request(Method::GET, path)
        .header(header::RANGE, range);
    client.send(request.body("".into()).unwrap()).await
}

#[tokio::test]
async fn a_text_is_given_in_ranges() {
    let text = Text::of("Breathe slowly.\r\nRest.").await;
    let lines = concat!(
        r#"{"block":{"content":{"paragraph":"Breathe slowly.\nRest."}}}"#,
        "\n",
        r#"{"summary":{"charset":"utf-8","blocks":1}}"#,
        "\n"
    );
    let length = lines.len();
    for (range, expected, about) in [
        ("bytes=0-6", &lines[..7], format!("bytes 0-6/{length}")),
        ("bytes=8-13", &lines[8..14], format!("bytes 8-13/{length}")),
        (
            "bytes=16-999",
            &lines[16..],
            format!("bytes 16-{}/{length}", length - 1),
        ),
    ] {
        let answer = text.read(range).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.text(), expected);
        assert_eq!(answer.headers[header::CONTENT_RANGE], about);
    }
}

#[tokio::test]
async fn a_range_has_at_most_a_mebibyte() {
    const MIB: usize = 1024 * 1024;
    let text = Text::of(&"calm ".repeat(300_000)).await;
    let answer = text.read("bytes=0-9999999").await;
    assert_eq!(answer.text().len(), MIB);
    assert_eq!(
        answer.headers[header::CONTENT_RANGE],
        "bytes 0-1048575/1503540"
    );
}

#[tokio::test]
async fn what_is_no_range_of_the_text_is_refused() {
    let text = Text::of("text").await;
    for range in ["", "bytes=400-900", "bytes=2-1", "bytes=-1", "lines=1-2"] {
        let answer = text.read(range).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::RANGE_NOT_SATISFIABLE, "bad_range"),
            "{range}"
        );
    }
}

#[tokio::test]
async fn another_text_is_unknown_and_only_ai_engine_may_read() {
    let text = Text::of("text").await;
    let other = path(DocumentId::new(), ContentHash::from([7; 32]));
    let answer = get(&text.ai_engine, &other, "bytes=0-1").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::NOT_FOUND, "unknown_text")
    );
    let cut = &text.path[..text.path.len() - 1];
    let malformed = get(&text.ai_engine, cut, "bytes=0-1").await;
    assert_eq!(malformed.code(), "unknown_text");
    for client in [&text.app.ana, &text.app.service()] {
        let answer = get(client, &text.path, "bytes=0-1").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let answer = get(&text.app.anonymous, &text.path, "bytes=0-1").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
