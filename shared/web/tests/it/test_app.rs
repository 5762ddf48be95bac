//! Problem documents, request ids, probes, OpenAPI documents.

use axum::Json;
use axum::body::Body as HttpBody;
use axum::http::{Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared_config::Service;
use shared_models::Page;
use shared_testkit::TestClient;
use shared_web::{ApiError, Body, Checks, Endpoints, Id, Problem, Query, app};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    title: String,
    tags: Vec<u8>,
}

#[utoipa::path(post, path = "/notes", responses((status = 200, body = Note)))]
async fn create_note(Body(note): Body<Note>) -> Json<Note> {
    Json(note)
}

#[utoipa::path(get, path = "/notes/{id}", params(("id" = Uuid, Path)),
    responses((status = 404, body = Problem)))]
async fn read_note(id: Id<Uuid>) -> ApiError {
    let _ = id;
    ApiError::not_found("unknown_note")
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct NoteFilter {
    tag: Option<String>,
}

#[utoipa::path(get, path = "/notes", params(NoteFilter), security(("bearer" = [])),
    responses((status = 200, body = Page<Note>), (status = 422, body = Problem)))]
async fn find_notes(Query(filter): Query<NoteFilter>) -> Json<Option<String>> {
    Json(filter.tag)
}

#[utoipa::path(get, path = "/panic", responses((status = 500, body = Problem)))]
async fn panics() -> Json<Note> {
    panic!("a bug")
}

fn v1<E: Endpoints<()>>() -> E {
    E::default()
        .routes(routes!(create_note, find_notes))
        .routes(routes!(read_note))
        .routes(routes!(panics))
}

fn client(ready: bool) -> TestClient {
    let checks = Checks::default().with("store", move || {
        Box::pin(async move {
            if ready {
                Ok(())
            } else {
                Err("connection refused by 10.0.0.7")
            }
        })
    });
    let document = r#"{"openapi": "3.1.0"}"#;
    let beside = axum::Router::new();
    let router = app::assemble(Service::Auth, v1(), beside, checks, document);
    TestClient::new(router)
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let body = serde_json::json!({"title": "a", "tags": [1, "x"]});
    let answer = client(true).post("/auth/v1/notes", &body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.headers[header::CONTENT_TYPE],
        "application/problem+json"
    );
    assert_eq!(answer.json()["errors"][0]["field"], "tags[1]");
    let unknown = serde_json::json!({"title": "a", "tags": [], "colour": 1});
    let answer = client(true).post("/auth/v1/notes", &unknown).await;
    assert_eq!(answer.code(), "invalid_fields");
    assert!(answer.text().contains("colour"), "{}", answer.text());
}

#[tokio::test]
async fn an_unreadable_body_is_refused_with_its_reason() {
    let client = client(true);
    let request = |kind: &str, body: String| {
        let request = client.request(Method::POST, "/auth/v1/notes");
        request
            .header(header::CONTENT_TYPE, kind)
            .body(HttpBody::from(body))
            .unwrap()
    };
    for (kind, body, status, code) in [
        ("text/plain", "{}".to_owned(), 415, "unsupported_media_type"),
        (
            "application/json",
            "{\"title\":".to_owned(),
            400,
            "malformed_json",
        ),
        (
            "application/json",
            "{\"title\":\"a\",\"tags\":[]} x".to_owned(),
            400,
            "malformed_json",
        ),
        (
            "application/json",
            format!("\"{}\"", "a".repeat(1_100_000)),
            413,
            "body_too_large",
        ),
    ] {
        let answer = client.send(request(kind, body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code)
        );
    }
    assert_eq!(
        client.get("/auth/v1/notes/seven").await.code(),
        "malformed_id"
    );
    assert_eq!(client.get("/auth/v1/nothing").await.code(), "unknown_path");
    assert_eq!(
        client.delete("/auth/v1/notes").await.code(),
        "method_not_allowed"
    );
}

#[tokio::test]
async fn a_truncated_body_is_unreadable() {
    let client = client(true);
    let broken = futures_util::stream::iter([
        Ok::<_, std::io::Error>("{\"title\":"),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ]);
    let request = client.request(Method::POST, "/auth/v1/notes");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let body = HttpBody::from_stream(broken);
    let answer = client.send(request.body(body).unwrap()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::BAD_REQUEST, "unreadable_body")
    );
}

#[tokio::test]
async fn a_panic_is_a_problem_document_without_its_message() {
    let answer = client(true).get("/auth/v1/panic").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.code(), "internal");
    assert!(!answer.text().contains("a bug"));
}

#[tokio::test]
async fn a_request_id_is_accepted_only_if_well_formed() {
    let client = client(true);
    let path = format!("/auth/v1/notes/{}", Uuid::now_v7());
    let with = |id: &str| {
        let request = client
            .request(Method::GET, &path)
            .header("x-request-id", id);
        client.send(request.body(HttpBody::empty()).unwrap())
    };
    let answer = with("0123456789abcdef").await;
    assert_eq!(answer.headers["x-request-id"], "0123456789abcdef");
    assert_eq!(answer.json()["trace_id"], "0123456789abcdef");
    for bad in ["short", "with space in it", "semicolon;drop"] {
        let answer = with(bad).await;
        let given = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(given.len(), 32, "{bad}");
        assert_eq!(answer.json()["trace_id"], given);
    }
}

#[tokio::test]
async fn readiness_names_the_dependency_and_hides_its_error() {
    client(true)
        .get("/auth/readyz")
        .await
        .expect(StatusCode::OK);
    let answer = client(false).get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["checks"][0]["name"], "store");
    assert!(!answer.text().contains("10.0.0.7"));
    client(false)
        .get("/auth/livez")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let client = client(true);
    let document = client
        .get("/auth/openapi.json")
        .await
        .expect(StatusCode::OK);
    assert_eq!(document["openapi"], "3.1.0");
    let page = client.get("/auth/docs/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.headers[header::CONTENT_ENCODING], "gzip");
    let start = client.get("/auth/docs/swagger-initializer.js").await;
    assert!(start.text().contains("/auth/openapi.json"));
}

#[tokio::test]
async fn a_nul_character_is_refused() {
    let client = client(true);
    let answer = client.get("/auth/v1/notes?tag=a%00b").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.code(), "invalid_query");
    let answer = client.get("/auth/v1/notes?tag=a%2500b").await;
    assert_eq!(answer.json(), "a%00b");
}

#[tokio::test]
async fn the_document_has_the_responses_of_the_shared_layers() {
    let document = app::document(Service::Auth, "test", v1());
    let document: Value = serde_json::from_str(&document).unwrap();
    assert!(document["paths"]["/auth/v1/notes"]["post"].is_object());
    let answers = |path: &str| document["paths"][path]["get"]["responses"].clone();
    let statuses = |path: &str| -> Vec<String> {
        answers(path).as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(statuses("/auth/v1/notes/{id}"), ["400", "404", "429"]);
    assert_eq!(
        statuses("/auth/v1/notes"),
        ["200", "401", "403", "422", "429"]
    );
    for (path, status) in [("/auth/v1/notes/{id}", "404"), ("/auth/v1/notes", "422")] {
        let content = &answers(path)[status]["content"];
        assert!(content["application/json"].is_null(), "{path} {status}");
        assert!(content["application/problem+json"].is_object(), "{path}");
    }
    let content = &answers("/auth/v1/notes")["200"]["content"];
    assert!(content["application/json"].is_object());
}

#[tokio::test]
async fn every_response_has_a_description_and_every_operation_its_security() {
    let document = app::document(Service::Auth, "test", v1());
    let document: Value = serde_json::from_str(&document).unwrap();
    let notes = &document["paths"]["/auth/v1/notes"];
    let described = |operation: &Value, status: &str| -> String {
        let response = &operation["responses"][status];
        response["description"].as_str().unwrap().to_owned()
    };
    assert_eq!(described(&notes["get"], "200"), "The request succeeded");
    let invalid = described(&notes["get"], "422");
    assert!(invalid.starts_with("invalid_query"), "{invalid}");
    let note = &document["paths"]["/auth/v1/notes/{id}"]["get"];
    let malformed = described(note, "400");
    assert!(malformed.starts_with("malformed_id"), "{malformed}");
    for path in document["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values() {
            assert!(operation["security"].is_array(), "{operation}");
            let responses = operation["responses"].as_object().unwrap();
            for response in responses.values() {
                assert_ne!(response["description"], "", "{operation}");
                assert!(response["description"].is_string(), "{operation}");
            }
        }
    }
}

#[tokio::test]
async fn a_list_refers_to_the_schema_of_its_rows() {
    let document = app::document(Service::Auth, "test", v1());
    let document: Value = serde_json::from_str(&document).unwrap();
    let page = &document["components"]["schemas"]["Page_Note"]["properties"];
    assert_eq!(page["items"]["items"]["$ref"], "#/components/schemas/Note");
}
