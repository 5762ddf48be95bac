//! Methods that a caller invents: refused, and neither metrics nor log lines grow with them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use shared_config::Service;
use shared_testkit::{Answer, TestClient};
use shared_web::{Checks, app, telemetry};
use tracing_subscriber::fmt::MakeWriter;

const PATHS: [&str; 3] = ["/auth/v1/notes/7", "/auth/v1/nowhere", "/auth/livez"];

fn client() -> TestClient {
    let v1 = Router::new().route("/notes/{id}", get(async || Json("a note")));
    let beside = Router::new();
    TestClient::new(app::assemble(
        Service::Auth,
        v1,
        beside,
        Checks::default(),
        "{}",
    ))
}

async fn send(client: &TestClient, method: &str, path: &str) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = client.request(method, path).body(Body::empty()).unwrap();
    client.send(request).await
}

#[tokio::test]
async fn metrics_do_not_grow_with_invented_methods() {
    let recorder = telemetry::recording().unwrap().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let client = client();
    let series = || {
        let page = recorder.handle().render();
        assert!(page.contains("http_request_seconds"), "nothing is recorded");
        (page.lines().count(), page)
    };
    for path in PATHS {
        send(&client, "GET", path).await;
        send(&client, "INVENTED", path).await;
    }
    let (before, _) = series();
    for number in 0..200 {
        for path in PATHS {
            let method = format!("INVENTED{number}{}", "X".repeat(number * 50));
            let answer = send(&client, &method, path).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        }
    }
    let (after, page) = series();
    assert_eq!(after, before, "{page}");
    assert!(page.contains("method=\"other\""), "{page}");
    assert!(!page.contains("INVENTED"), "{page}");
}

#[tokio::test]
async fn metrics_do_not_grow_with_invented_paths_queries_and_headers() {
    let recorder = telemetry::recording().unwrap().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let client = client();
    let mut lines = Vec::new();
    for number in 0..200 {
        for path in ["notes/", "nowhere/", "../"] {
            let path = format!("/auth/v1/{path}{number}?q={number}");
            let request = client.request(Method::GET, &path);
            let request = request
                .header(header::USER_AGENT, format!("agent-{number}"))
                .header(header::HOST, format!("host-{number}"))
                .header(header::ORIGIN, format!("https://origin-{number}.example"));
            client.send(request.body(Body::empty()).unwrap()).await;
        }
        lines.push(recorder.handle().render().lines().count());
    }
    assert_eq!(lines.first(), lines.last());
}

#[tokio::test]
async fn the_refusal_is_a_problem_document_that_names_the_methods() {
    let client = client();
    for path in PATHS {
        let answer = send(&client, "BREW", path).await;
        assert_eq!(answer.code(), "method_not_allowed", "{path}");
        let allowed = answer.headers[header::ALLOW].to_str().unwrap();
        assert_eq!(allowed, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    // Known methods are the matter of each path.
    let answer = send(&client, "PUT", PATHS[0]).await;
    assert_eq!(answer.code(), "method_not_allowed");
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD");
    assert_eq!(send(&client, "HEAD", PATHS[0]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_log_line_does_not_grow_with_the_method_or_the_path() {
    let lines = CapturedLog::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    let client = client();
    let long = "A".repeat(15_000);
    send(&client, &long, PATHS[0]).await;
    send(&client, "GET", &format!("/auth/v1/notes/{long}?q={long}")).await;
    send(&client, "GET", &format!("/auth/v1/{long}")).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest < 500, "{longest} bytes");
}

/// What is logged.
#[derive(Clone, Default)]
struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl io::Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for CapturedLog {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
