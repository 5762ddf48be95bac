//! A site on loopback becomes searchable by two real services, and what is found follows its
//! changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared_config::{Service, keys};
use shared_testkit::{Stores, TestDatabase};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::processes::{Account, Processes, call};

type Pages = Arc<Mutex<BTreeMap<String, String>>>;

async fn answer(State(pages): State<Pages>, request: Request) -> Response {
    let found = pages.lock().unwrap().get(request.uri().path()).cloned();
    match found {
        Some(body) => Html(body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn write(pages: &Pages, path: &str, body: &str) {
    let mut pages = pages.lock().unwrap();
    pages.insert(path.to_owned(), body.to_owned());
}

fn page(pages: &Pages, path: &str, title: &str, text: &str) {
    let head = format!("<!doctype html><html><head><title>{title}</title></head>");
    let body = format!("{head}<body><main><h1>{title}</h1><p>{text}</p></main></body></html>");
    write(pages, path, &body);
}

fn sitemap(pages: &Pages, host: &str, paths: &[&str]) {
    let entries = paths
        .iter()
        .map(|path| format!("<url><loc>{host}{path}</loc></url>"));
    let entries: Vec<String> = entries.collect();
    write(
        pages,
        "/sitemap.xml",
        &format!("<urlset>{}</urlset>", entries.concat()),
    );
}

/// The services, which may read sites on loopback.
async fn started() -> Processes {
    let stores = Stores::from_env();
    let database = TestDatabase::new(&stores).await;
    let seed = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
    let settings = BTreeMap::from([
        (keys::SIGNING_SEED.to_owned(), BASE64_STANDARD.encode(seed)),
        (keys::ALLOWED_NETWORKS.to_owned(), "127.0.0.0/8".to_owned()),
    ]);
    Processes::start_on(stores, database, TempDir::new().unwrap(), settings).await
}

/// Waits until a site is synchronised and its documents are searchable.
async fn settled(all: &Processes, account: &Account, site: &str) -> Value {
    let (site, documents) = (
        all.url(Service::CreatorHub, &format!("/v1/sites/{site}")),
        all.url(Service::CreatorHub, "/v1/documents"),
    );
    let mut seen = Value::Null;
    for _ in 0..1_200 {
        let request = all.http.get(&site).bearer_auth(&account.token);
        let state = call(request, StatusCode::OK).await;
        let request = all.http.get(&documents).bearer_auth(&account.token);
        let listed = call(request, StatusCode::OK).await;
        let mut items = listed["items"].as_array().unwrap().iter();
        if state["state"] == "synced" && items.all(|document| document["state"] == "ready") {
            return listed;
        }
        assert_ne!(state["state"], "failed", "{state}");
        seen = json!([state, listed]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{seen}");
}

/// The titles of what is found.
async fn found(all: &Processes, account: &Account, query: &str) -> Vec<String> {
    let url = all.url(Service::AiEngine, "/v1/search");
    let search = all.http.post(url).bearer_auth(&account.token);
    let found = call(search.json(&json!({"query": query})), StatusCode::OK).await;
    let results = found["results"].as_array().unwrap().iter();
    let title = |result: &Value| result["title"].as_str().unwrap().to_owned();
    results.map(title).collect()
}

/// The ids of all passages, which follow from their content.
async fn passages(all: &Processes) -> BTreeSet<Uuid> {
    let admin = all.database.admin().await;
    let ids = sqlx::query_scalar("select id from ai.chunks").fetch_all(&admin);
    ids.await.unwrap().into_iter().collect()
}

/// A host with a page about each of four things, and one that programs may not read.
async fn start_host() -> (Pages, String) {
    let pages = Pages::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer);
    let router = router.with_state(Arc::clone(&pages));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    write(&pages, "/robots.txt", "User-agent: *\nDisallow: /private\n");
    for (path, title, text) in [
        (
            "/coffee",
            "Coffee",
            "Drink no coffee in the eight hours before you sleep.",
        ),
        (
            "/walks",
            "Walks",
            "A walk of half an hour clears the head after lunch.",
        ),
        (
            "/gardens",
            "Gardens",
            "Water the tomatoes in the garden before sunrise.",
        ),
        (
            "/boats",
            "Boats",
            "The ferry to the island leaves the harbour at noon.",
        ),
        (
            "/private/diary",
            "Diary",
            "Nobody may read about the zeppelin.",
        ),
    ] {
        page(&pages, path, title, text);
    }
    let paths = ["/coffee", "/walks", "/gardens", "/boats", "/private/diary"];
    sitemap(&pages, &host, &paths);
    (pages, host)
}

#[tokio::test]
async fn a_site_is_searched_as_it_is_now() {
    let (pages, host) = start_host().await;
    let all = started().await;
    let account = all.register("sites").await;
    let url = all.url(Service::CreatorHub, "/v1/sites");
    let add = all.http.post(&url).bearer_auth(&account.token);
    let add = add.json(&json!({"url": format!("{host}/sitemap.xml")}));
    let site = call(add, StatusCode::ACCEPTED).await;
    let site = site["id"].as_str().unwrap().to_owned();
    let listed = settled(&all, &account, &site).await;
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(4),
        "{listed}"
    );
    let first = found(&all, &account, "When does the ferry leave?").await;
    assert_eq!(first[0], "Boats");
    assert_eq!(found(&all, &account, "tomatoes").await[0], "Gardens");
    let secret = found(&all, &account, "zeppelin").await;
    assert!(!secret.contains(&"Diary".to_owned()), "{secret:?}");
    let before = passages(&all).await;

    let text = "The ferry to the island leaves the harbour at midnight.";
    page(&pages, "/boats", "Boats", text);
    sitemap(&pages, &host, &["/coffee", "/walks", "/boats"]);
    let sync = all.http.post(format!("{url}/{site}/sync"));
    call(sync.bearer_auth(&account.token), StatusCode::ACCEPTED).await;
    loop {
        let listed = settled(&all, &account, &site).await;
        let documents = listed["items"].as_array().map_or(0, Vec::len);
        if documents == 3 && passages(&all).await.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let gone = found(&all, &account, "tomatoes").await;
    assert!(!gone.contains(&"Gardens".to_owned()), "{gone:?}");
    let changed = found(&all, &account, "ferry at midnight").await;
    assert_eq!(changed[0], "Boats");
    let same = passages(&all).await.intersection(&before).count();
    assert_eq!(same, 2, "what is the same keeps its vectors");
}
