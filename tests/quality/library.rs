//! The judged documents in the library of one account, on all four services.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt as _, stream};
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shared_config::{Service, keys};
use shared_testkit::{Stores, TestDatabase};
use tempfile::TempDir;

use crate::data_set::Document;
use crate::processes::{Account, Processes};
use crate::vectors::CachedOllama;

/// Uploads at the same time.
const UPLOADS: usize = 4;

pub(crate) struct Library {
    all: Processes,
    account: Account,
    pub(crate) ollama: CachedOllama,
    /// Ids in the data set by those of the platform.
    ids: HashMap<String, String>,
}

impl Library {
    /// Uploads the documents and waits until all are searchable.
    pub(crate) async fn of(model: &str, documents: &[Document]) -> Self {
        let stores = Stores::from_env();
        let (ollama, url) = CachedOllama::start(&stores.ollama, model).await;
        let database = TestDatabase::new(&stores).await;
        let seed = BASE64_STANDARD.encode(std::array::from_fn::<u8, 32, _>(|at| {
            u8::try_from(at * 7 + 3).unwrap()
        }));
        let settings = BTreeMap::from([
            (keys::SIGNING_SEED.to_owned(), seed),
            (keys::OLLAMA_URL.to_owned(), url),
            (keys::EMBEDDING_MODEL.to_owned(), model.to_owned()),
            // Longer than any run, also one that embeds all texts.
            (keys::ACCESS_TOKEN_SECONDS.to_owned(), "86400".to_owned()),
        ]);
        let folder = TempDir::new().unwrap();
        let all = Processes::start_on(stores, database, folder, settings).await;
        let account = all.register("quality").await;
        let mut library = Self {
            all,
            account,
            ollama,
            ids: HashMap::new(),
        };
        let uploads = stream::iter(documents).map(|document| library.upload(document));
        library.ids = uploads.buffered(UPLOADS).collect().await;
        library.wait_until_ready(documents.len()).await;
        library
    }

    async fn upload(&self, document: &Document) -> (String, String) {
        let Document { id, title, content } = document;
        let url = self.all.url(Service::CreatorHub, "/v1/documents");
        let made = self.call(StatusCode::ACCEPTED, || {
            let kind = if content.starts_with("# ") {
                "md"
            } else {
                "txt"
            };
            let file = Part::text(content.clone()).file_name(format!("{id}.{kind}"));
            let form = Form::new().text("title", title.clone()).part("file", file);
            self.all.http.post(&url).multipart(form)
        });
        let made = made.await;
        let stored = made["document"]["id"].as_str().unwrap();
        (stored.to_owned(), id.clone())
    }

    /// Sends a request as a patient client does: one over the rate limit is sent again later.
    async fn send(&self, status: StatusCode, request: impl Fn() -> RequestBuilder) -> String {
        loop {
            let request = request().bearer_auth(&self.account.token);
            let response = request.send().await.unwrap();
            let found = response.status();
            if found == StatusCode::TOO_MANY_REQUESTS {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            let text = response.text().await.unwrap();
            assert_eq!(found, status, "{text}");
            return text;
        }
    }

    async fn call(&self, status: StatusCode, request: impl Fn() -> RequestBuilder) -> Value {
        serde_json::from_str(&self.send(status, request).await).unwrap()
    }

    async fn wait_until_ready(&self, count: usize) {
        let count = i64::try_from(count).unwrap();
        let admin = self.all.database.admin().await;
        for _ in 0..12_000 {
            let (ready, failed): (i64, i64) = sqlx::query_as(
                "select count(*) filter (where state = 'ready'),
                        count(*) filter (where state = 'failed') from hub.documents",
            )
            .fetch_one(&admin)
            .await
            .unwrap();
            assert_eq!(failed, 0, "documents failed");
            if ready == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("documents are not ready");
    }

    /// Whether a question gets an answer, in mode `extractive`.
    pub(crate) async fn answers(&self, question: &str) -> bool {
        self.cited(question).await.is_some()
    }

    /// The documents that the answer in mode `extractive` cites, by their ids in the data set; none
    /// if the question is refused.
    pub(crate) async fn cited(&self, question: &str) -> Option<Vec<&str>> {
        let url = self.all.url(Service::AiEngine, "/v1/answers");
        let body = json!({"question": question, "mode": "extractive"});
        let answer = self
            .send(StatusCode::OK, || self.all.http.post(&url).json(&body))
            .await;
        let events = answer
            .lines()
            .filter_map(|line| line.strip_prefix("data: "));
        let events: Vec<Value> = events
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let sources = events.iter().find_map(Value::as_array)?;
        if sources.is_empty() {
            return None;
        }
        let last = events
            .iter()
            .rev()
            .find(|event| event["citations"].is_array());
        let citations = last.unwrap()["citations"].as_array().unwrap();
        let is_cited = |source: &&Value| citations.contains(&source["number"]);
        let ids = sources.iter().filter(is_cited);
        let ids = ids.filter_map(|source| self.ids.get(source["document_id"].as_str()?));
        Some(ids.map(String::as_str).collect())
    }

    /// Adds a question-and-answer pair.
    pub(crate) async fn add_pair(&self, question: &str, answer: &str) {
        let url = self.all.url(Service::CreatorHub, "/v1/qa-pairs");
        let body = json!({"question": question, "answer": answer});
        self.call(StatusCode::CREATED, || self.all.http.post(&url).json(&body))
            .await;
    }

    /// Waits until the vectors of all pairs are there.
    pub(crate) async fn wait_for_pairs(&self) {
        let admin = self.all.database.admin().await;
        for _ in 0..600 {
            let (pairs, ready): (i64, i64) = sqlx::query_as(
                "select (select count(*) from hub.qa_questions),
                        (select count(*) from ai.qa_questions where vector is not null)",
            )
            .fetch_one(&admin)
            .await
            .unwrap();
            if pairs == ready {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("pairs are not ready");
    }

    /// The text of an answer, in mode `extractive`.
    pub(crate) async fn answer(&self, question: &str) -> String {
        let url = self.all.url(Service::AiEngine, "/v1/answers");
        let body = json!({"question": question, "mode": "extractive"});
        let answer = self
            .send(StatusCode::OK, || self.all.http.post(&url).json(&body))
            .await;
        let data = answer.lines().filter_map(|line| line.strip_prefix("data:"));
        let events = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        let texts = events.filter_map(|event| event["text"].as_str().map(str::to_owned));
        texts.collect()
    }

    /// The documents that a search finds, best first, each once.
    pub(crate) async fn search(&self, query: &str) -> Vec<String> {
        let url = self.all.url(Service::AiEngine, "/v1/search");
        let body = json!({"query": query, "limit": 20});
        let request = || self.all.http.post(&url).json(&body);
        let found = self.call(StatusCode::OK, request).await;
        let mut ids: Vec<String> = Vec::new();
        for result in found["results"].as_array().unwrap() {
            let id = &self.ids[result["document_id"].as_str().unwrap()];
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        ids
    }
}
