//! Originals of public documents, what ai-engine receives with a question, and what a source says.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use shared_auth::TokenVerifier;
use shared_config::Service;
use shared_hub_client::ORIGINAL_ROUTE;
use shared_models::{CollectionId, CreatorId, DocumentId};
use shared_testkit::{Answer, TokenMint};
use tokio::net::TcpListener;

use crate::fake_ai_engine::FakeAiEngine;
use crate::test_app::{PAGE, TestApp};

/// A creator-hub that has one public document.
#[derive(Clone)]
struct FakeHub {
    document: DocumentId,
    verifier: TokenVerifier,
    asked: Arc<Mutex<Vec<(CreatorId, String)>>>,
}

impl FakeHub {
    async fn start(mint: &TokenMint) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hub = Self {
            document: DocumentId::new(),
            verifier: mint.verifier(Service::CreatorHub),
            asked: Arc::default(),
        };
        let route = format!("/creator-hub{ORIGINAL_ROUTE}");
        let router = Router::new()
            .route(&route, get(open))
            .with_state(hub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (hub, url)
    }
}

async fn open(
    State(hub): State<FakeHub>,
    Path(id): Path<DocumentId>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let token = headers[header::AUTHORIZATION].to_str().unwrap();
    let caller = hub
        .verifier
        .verify(token.trim_start_matches("Bearer "))
        .await
        .unwrap();
    assert_eq!(caller.service().unwrap(), Service::Channel);
    let query = uri.query().unwrap_or_default().to_owned();
    hub.asked.lock().unwrap().push((caller.tenant, query));
    if id != hub.document {
        let problem = json!({"code": "unknown_document", "detail": "no such document"});
        return (StatusCode::NOT_FOUND, Json(problem)).into_response();
    }
    let headers = [
        ("content-type", "application/pdf"),
        ("content-disposition", "inline; filename=\"book.pdf\""),
        ("x-content-type-options", "nosniff"),
        ("set-cookie", "of=creator-hub"),
    ];
    (headers, "%PDF-1.7 a book").into_response()
}

async fn app_with_hub() -> (TestApp, FakeHub) {
    let mint = TokenMint::new();
    let (hub, hub_url) = FakeHub::start(&mint).await;
    let ai_engine = FakeAiEngine::start(&mint).await;
    let url = format!("http://{}", ai_engine.address);
    let app = TestApp::with(mint, ai_engine, &url, |config| {
        config.creator_hub_url = hub_url;
    });
    (app.await, hub)
}

async fn open_original(app: &TestApp, channel: &str, document: &str) -> Answer {
    let path = format!("/channels/v1/widget/{channel}/documents/{document}/file");
    // A link sends neither token nor origin.
    app.replica.client.get(&path).await
}

#[tokio::test]
async fn a_link_opens_the_original_of_a_public_document() {
    let (app, hub) = app_with_hub().await;
    let collection = CollectionId::new();
    let settings = json!({"allowed_origins": [PAGE], "collections": [collection]});
    let channel = app.create_widget_with(&settings).await;
    let opened = open_original(&app, &channel, &hub.document.to_string()).await;
    assert_eq!(
        (opened.status, opened.text().as_str()),
        (StatusCode::OK, "%PDF-1.7 a book")
    );
    assert_eq!(opened.headers[header::CONTENT_TYPE], "application/pdf");
    assert_eq!(
        opened.headers[header::CONTENT_DISPOSITION],
        "inline; filename=\"book.pdf\""
    );
    assert_eq!(opened.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(
        !opened.headers.contains_key(header::SET_COOKIE),
        "{:?}",
        opened.headers
    );
    let asked = hub.asked.lock().unwrap().clone();
    assert_eq!(asked, [(app.creator, format!("collections={collection}"))]);
}

#[tokio::test]
async fn whatever_else_is_asked_for_does_not_exist() {
    let (app, hub) = app_with_hub().await;
    let channel = app.create_widget().await;
    let document = hub.document.to_string();
    let other = DocumentId::new().to_string();
    for (channel, document) in [(&channel, &other), (&other, &document)] {
        let refused = open_original(&app, channel, document).await;
        let found = (refused.status, refused.code());
        assert_eq!(found, (StatusCode::NOT_FOUND, "unknown_document".into()));
    }
    assert_eq!(
        open_original(&app, &channel, "x").await.code(),
        "malformed_id"
    );
    let body = json!({"enabled": false});
    let path = format!("/channels/v1/channels/{channel}");
    app.owner()
        .json(axum::http::Method::PATCH, &path, &body)
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        open_original(&app, &channel, &document).await.code(),
        "unknown_document"
    );
}

#[tokio::test]
async fn an_original_is_unavailable_while_creator_hub_is() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let refused = open_original(&app, &channel, &DocumentId::new().to_string()).await;
    let found = (refused.status, refused.code());
    assert_eq!(
        found,
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "dependency_unavailable".into()
        )
    );
}

#[tokio::test]
async fn ai_engine_learns_who_asks_and_within_which_collections() {
    let app = TestApp::new().await;
    let collections = [CollectionId::new(), CollectionId::new()];
    let settings = json!({"allowed_origins": [PAGE], "collections": collections});
    let channel = app.create_widget_with(&settings).await;
    let mut visitors = Vec::new();
    for _ in 0..2 {
        let session = app.start_session(&channel).await;
        let mut client = app.connect(&channel, &session).await;
        for question in ["First?", "Second?"] {
            client.ask(question).await;
            let answer = client.skip_to("ai_response").await;
            let sources = &answer["sources"];
            assert_eq!(sources[0]["position"], json!({"page": 7}));
            assert_eq!(
                (&sources[0]["public"], &sources[1]["public"]),
                (&json!(true), &json!(false))
            );
        }
        let asked = app.ai_engine.questions();
        let [.., first, second] = asked.as_slice() else {
            panic!("{asked:?}");
        };
        assert_eq!(first.visitor, second.visitor);
        assert_eq!(second.question.collections, collections);
        visitors.push(second.visitor);
    }
    assert_ne!(visitors[0], visitors[1]);
}

#[tokio::test]
async fn the_collections_of_a_widget_are_bounded_and_can_be_changed() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let path = format!("/channels/v1/channels/{channel}");
    let change = async |collections: Value| {
        let body = json!({"widget": {"collections": collections}});
        app.owner()
            .json(axum::http::Method::PATCH, &path, &body)
            .await
    };
    let id = CollectionId::new();
    let changed = change(json!([id, id])).await.expect(StatusCode::OK);
    assert_eq!(changed["widget"]["collections"], json!([id]));
    let many: Vec<_> = (0..21).map(|_| CollectionId::new()).collect();
    assert_eq!(
        change(json!(many)).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        change(json!(["x"])).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let changed = change(json!([])).await.expect(StatusCode::OK);
    assert_eq!(changed["widget"].get("collections"), None);
}
