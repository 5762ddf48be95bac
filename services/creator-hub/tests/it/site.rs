//! A site on loopback whose pages a test writes, changes and removes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

/// What an address answers.
#[derive(Debug, Clone)]
struct Served {
    status: StatusCode,
    content_type: &'static str,
    location: Option<String>,
    body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Pages {
    served: BTreeMap<String, Served>,
    /// Path and status of each answer.
    answered: Vec<(String, u16)>,
}

/// The site.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) url: String,
    pages: Arc<Mutex<Pages>>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let pages: Arc<Mutex<Pages>> = Arc::default();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&pages));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, pages }
    }

    fn serve(&self, path: &str, served: Served) {
        let mut pages = self.pages.lock().unwrap();
        pages.served.insert(path.to_owned(), served);
    }

    /// Answers a path with that.
    pub(crate) fn put(&self, path: &str, content_type: &'static str, body: &str) {
        self.serve(
            path,
            Served {
                status: StatusCode::OK,
                content_type,
                location: None,
                body: body.as_bytes().to_vec(),
            },
        );
    }

    /// Answers a path with a page of that title and text.
    pub(crate) fn page(&self, path: &str, title: &str, text: &str) {
        let body = format!(
            "<!doctype html><html><head><title>{title}</title></head>\
             <body><main><h1>{title}</h1><p>{text}</p></main></body></html>"
        );
        self.put(path, "text/html; charset=utf-8", &body);
    }

    /// Answers a path with a status and nothing else.
    pub(crate) fn status(&self, path: &str, status: StatusCode) {
        self.serve(
            path,
            Served {
                status,
                content_type: "text/plain",
                location: None,
                body: Vec::new(),
            },
        );
    }

    /// Redirects a path.
    pub(crate) fn redirect(&self, path: &str, location: &str) {
        self.serve(
            path,
            Served {
                status: StatusCode::FOUND,
                content_type: "text/plain",
                location: Some(location.to_owned()),
                body: Vec::new(),
            },
        );
    }

    /// Answers `/sitemap.xml` with a list of these paths.
    pub(crate) fn sitemap(&self, paths: &[&str]) {
        let entry = |path: &&str| format!("<url><loc>{}{path}</loc></url>", self.url);
        let entries: String = paths.iter().map(entry).collect();
        let body = format!("<?xml version=\"1.0\"?><urlset>{entries}</urlset>");
        self.put("/sitemap.xml", "application/xml", &body);
    }

    /// The paths and statuses of the answers since the last call, `robots.txt` left out.
    pub(crate) fn answered(&self) -> Vec<(String, u16)> {
        let mut answered = std::mem::take(&mut self.pages.lock().unwrap().answered);
        answered.retain(|(path, _)| path != "/robots.txt");
        answered
    }
}

async fn answer(State(pages): State<Arc<Mutex<Pages>>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let served = pages.lock().unwrap().served.get(&path).cloned();
    let hangs = served.as_ref().is_some_and(|page| page.status == HANGS);
    if hangs {
        std::future::pending::<()>().await;
    }
    let response = Response::builder();
    let (status, response) = match served {
        None => (StatusCode::NOT_FOUND, response.body(Body::empty())),
        Some(page) => {
            let hash: [u8; 32] = Sha256::digest(&page.body).into();
            let etag = format!("\"{:02x}{:02x}{:02x}\"", hash[0], hash[1], hash[2]);
            let mut response = response.header(header::CONTENT_TYPE, page.content_type);
            if let Some(location) = page.location {
                response = response.header(header::LOCATION, location);
            }
            let is_known = known.is_some_and(|known| known == etag.as_str());
            let response = response.header(header::ETAG, etag);
            if is_known && page.status == StatusCode::OK {
                (StatusCode::NOT_MODIFIED, response.body(Body::empty()))
            } else {
                (page.status, response.body(Body::from(page.body)))
            }
        }
    };
    let mut response = response.unwrap();
    *response.status_mut() = status;
    let answered = (path, status.as_u16());
    pages.lock().unwrap().answered.push(answered);
    response
}

/// The status of a path that never answers.
pub(crate) const HANGS: StatusCode = StatusCode::IM_A_TEAPOT;
