//! CORS: listed origins are answered; requests of other origins pass unchanged.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use shared_config::{Reader, keys};
use shared_web::cors::CorsOrigins;
use tower::ServiceExt as _;

const APP: &str = "https://app.example.com";

fn origins(text: &str) -> Result<CorsOrigins, shared_config::Problems> {
    let values = [(keys::CORS_ORIGINS.to_owned(), text.to_owned())];
    let mut reader = Reader::from_map(values.into());
    let origins = CorsOrigins::from_reader(&mut reader);
    reader.finish(origins)
}

async fn ask(method: Method, origin: &str) -> Response {
    let router = Router::new().route("/", get(|| async { ([("etag", "\"1\"")], "hello") }));
    let router = origins(&format!("{APP}, http://localhost:5173"))
        .unwrap()
        .surround(router);
    let request = Request::builder()
        .method(method)
        .uri("/")
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT")
        .header(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            "authorization,if-match",
        )
        .body(Body::empty())
        .unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(5), router.oneshot(request));
    answer.await.unwrap().unwrap()
}

#[tokio::test]
async fn a_listed_origin_is_allowed_and_another_is_not() {
    let preflight = ask(Method::OPTIONS, APP).await;
    assert_eq!(preflight.status(), StatusCode::OK);
    assert_eq!(preflight.headers()["access-control-allow-origin"], APP);
    assert_eq!(preflight.headers()["access-control-allow-methods"], "PUT");
    let headers = &preflight.headers()["access-control-allow-headers"];
    assert_eq!(headers, "authorization,if-match");
    let answer = ask(Method::GET, APP).await;
    assert_eq!(answer.headers()["access-control-allow-origin"], APP);
    let exposed = answer.headers()["access-control-expose-headers"].to_str();
    assert!(exposed.unwrap().contains("ratelimit"));

    let foreign = ask(Method::GET, "https://evil.example.com").await;
    assert_eq!(foreign.status(), StatusCode::OK);
    assert!(
        !foreign
            .headers()
            .contains_key("access-control-allow-origin")
    );
    let foreign = ask(Method::OPTIONS, "https://evil.example.com").await;
    assert_eq!(foreign.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn what_is_no_origin_is_refused_at_the_start() {
    for wrong in [
        "*",
        "https://",
        "https://a.example.com/path",
        "app.example.com",
        "https://A.com",
        "https://app.example.com:443",
        "http://app.example.com:80",
    ] {
        let problems = origins(wrong).unwrap_err();
        assert!(problems.to_string().contains(keys::CORS_ORIGINS), "{wrong}");
    }
    assert!(origins("").is_ok());
}
