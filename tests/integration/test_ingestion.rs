//! An upload becomes searchable by two real services: also when they are killed at work, when it is
//! deleted at work, and in little memory.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use shared_config::Service;
use shared_testkit::Sample;

use crate::processes::{Account, Processes, call};

const MIB: u64 = 1024 * 1024;

/// A text of that many paragraphs, each one passage, followed by so many empty lines.
fn text(paragraphs: usize, empty_lines: usize) -> String {
    let mut text = String::new();
    for number in 0..paragraphs {
        let sentence = format!("Paragraph {number} says that rest is part of the work. ").repeat(4);
        let _ = write!(text, "{sentence}\n\n{}", "\n".repeat(empty_lines));
    }
    text
}

async fn upload(all: &Processes, account: &Account, text: String) -> String {
    let file = Part::bytes(text.into_bytes()).file_name("rest.txt");
    let form = Form::new().text("title", "Rest").part("file", file);
    let url = all.url(Service::CreatorHub, "/v1/documents");
    let request = all.http.post(url).bearer_auth(&account.token);
    let made = call(request.multipart(form), StatusCode::ACCEPTED).await;
    made["document"]["id"].as_str().unwrap().to_owned()
}

/// Waits until the status of a document is as wanted.
async fn until(
    all: &Processes,
    account: &Account,
    document: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let path = format!("/v1/documents/{document}/status");
    let url = all.url(Service::CreatorHub, &path);
    let mut status = Value::Null;
    for _ in 0..4800 {
        let request = all.http.get(&url).bearer_auth(&account.token);
        status = call(request, StatusCode::OK).await;
        if wanted(&status) {
            return status;
        }
        assert_ne!(status["state"], "failed", "{status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{status}");
}

fn is_ready(status: &Value) -> bool {
    status["state"] == "ready"
}

fn is_half_indexed(status: &Value) -> bool {
    status["stage"] == "indexing" && status["progress"].as_i64().unwrap() > 5
}

async fn count(all: &Processes, query: &'static str) -> i64 {
    let admin = all.database.admin().await;
    sqlx::query_scalar(query).fetch_one(&admin).await.unwrap()
}

#[tokio::test]
async fn a_document_is_ready_once_though_every_worker_was_killed_at_it() {
    let mut all = Processes::start().await;
    let account = all.register("ingestion").await;
    let document = upload(&all, &account, text(48, 0)).await;
    until(&all, &account, &document, is_half_indexed).await;
    for service in [Service::AiEngine, Service::CreatorHub] {
        all.kill(service);
    }
    let admin = all.database.admin().await;
    sqlx::query("update platform.jobs set lease_until = now() - interval '1 s'")
        .execute(&admin)
        .await
        .unwrap();
    for service in [Service::AiEngine, Service::CreatorHub] {
        all.run(service);
        all.ready(service).await;
    }
    let status = until(&all, &account, &document, is_ready).await;
    assert_eq!(status["chunk_count"], 48);
    assert_eq!(count(&all, "select count(*) from ai.chunks").await, 48);
    let recorded = "select count(*) from platform.jobs
                    where payload ? 'outcome' and state = 'succeeded'";
    assert_eq!(count(&all, recorded).await, 1);
    let url = all.url(Service::AiEngine, "/v1/search");
    let search = all.http.post(url).bearer_auth(&account.token);
    let search = search.json(&json!({"query": "What does paragraph 47 say?"}));
    let found = call(search, StatusCode::OK).await;
    assert!(
        found["results"][0]["text"]
            .as_str()
            .unwrap()
            .contains("rest")
    );
}

#[tokio::test]
async fn a_document_that_is_deleted_while_it_is_indexed_leaves_nothing() {
    let all = Processes::start().await;
    let account = all.register("deletion").await;
    let document = upload(&all, &account, text(48, 0)).await;
    until(&all, &account, &document, is_half_indexed).await;
    let url = all.url(Service::CreatorHub, &format!("/v1/documents/{document}"));
    let request = all.http.delete(url).bearer_auth(&account.token);
    call(request, StatusCode::ACCEPTED).await;
    let url = all.url(Service::AiEngine, "/v1/search");
    let search = all.http.post(url).bearer_auth(&account.token);
    let search = search.json(&json!({"query": "What does paragraph 1 say?"}));
    let found = call(search, StatusCode::OK).await;
    assert_eq!(found["results"], json!([]), "after the answer");
    let unfinished = "select count(*) from platform.jobs
                      where kind like '%_document' and state in ('queued', 'running')";
    for _ in 0..600 {
        if count(&all, unfinished).await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let rows = "select (select count(*) from hub.documents) + (select count(*) from hub.artefacts)
                     + (select count(*) from ai.indexed_documents)
                     + (select count(*) from ai.chunks)";
    assert_eq!(count(&all, rows).await, 0);
    let folder = all.uploads.path().join(account.creator.to_string());
    assert!(!folder.exists(), "no file is left");
    let words = [document.as_str()];
    let collections = crate::traces::in_chroma(&all.http, &all.stores.chroma, &words);
    let collections = collections.await;
    assert_eq!(collections, Vec::<String>::new());
}

/// After each paragraph: for 20 MiB of text in `make test`, 49 MiB in `make test-exhaustive`.
fn empty_lines() -> usize {
    match Sample::from_env() {
        Sample::Random { .. } => 1_300_000,
        Sample::Every { .. } => 3_250_000,
    }
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figure is for people")]
async fn a_large_text_is_processed_in_little_memory() {
    let all = Processes::start().await;
    let account = all.register("memory").await;
    let small = upload(&all, &account, text(16, 0)).await;
    until(&all, &account, &small, is_ready).await;
    let services = [Service::CreatorHub, Service::AiEngine];
    let before = services.map(|service| all.most_memory_kib(service));
    let large = text(16, empty_lines());
    let size = large.len() as u64;
    let large = upload(&all, &account, large).await;
    until(&all, &account, &large, is_ready).await;
    for (service, before) in services.into_iter().zip(before) {
        let grown = all.most_memory_kib(service).saturating_sub(before) / 1024;
        let name = service.name();
        println!(
            "measured: {name} grew by {grown} MiB for a text of {} MiB",
            size / MIB
        );
        let half = size / MIB / 2;
        assert!(
            grown < half,
            "{name} grew by {grown} MiB, half of the text or more"
        );
    }
}
