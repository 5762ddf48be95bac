//! The client of Chroma (v2 API): collections, and the few record calls that we need.
//!
//! Chroma proves nothing: it accepts an `add` that it ignores and counts deletions that it did not
//! do. What must be so is read back. Its collection ids never leave this service, since they open
//! a collection to everybody.

pub mod collections;
pub mod error;
pub mod store;
pub mod writer;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared_rpc::http_client;

pub use error::ChromaError;
pub use store::VectorStore;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest wait for any answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running Chroma.
#[derive(Debug, Clone)]
pub struct Chroma {
    base: String,
    http: Client,
}

/// A collection as Chroma describes it.
#[derive(Debug, Clone, Deserialize)]
pub struct Collection {
    /// Its id, which record calls are addressed by.
    pub id: String,
    /// Its name.
    pub name: String,
    #[serde(default)]
    configuration_json: Value,
}

impl Collection {
    /// `cosine`, or another distance.
    pub fn space(&self) -> &str {
        self.configuration_json["hnsw"]["space"]
            .as_str()
            .unwrap_or_default()
    }
}

/// A vector with what we ask by.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The passage.
    pub id: String,
    /// Its vector.
    pub vector: Vec<f32>,
    /// Tenant, document and version; nothing else leaves PostgreSQL.
    pub metadata: Value,
}

/// A neighbour and its distance.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The passage.
    pub id: String,
    /// 1 − cosine similarity.
    pub distance: f32,
}

#[derive(Deserialize)]
struct Columns {
    ids: Vec<Vec<String>>,
    distances: Option<Vec<Vec<Option<f32>>>>,
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct Health {
    is_executor_ready: bool,
    is_log_client_ready: bool,
}

impl Chroma {
    /// The Chroma at that base URL.
    pub fn new(base: &str) -> Result<Self, ChromaError> {
        http_client::install_tls_provider();
        let http = Client::builder().connect_timeout(CONNECT).timeout(PATIENCE);
        Ok(Self {
            base: format!("{base}/api/v2"),
            http: http.no_proxy().build()?,
        })
    }

    /// Whether it lives and its parts are ready.
    pub async fn healthy(&self) -> Result<(), ChromaError> {
        answered(self.http.get(format!("{}/heartbeat", self.base))).await?;
        let asked = self.http.get(format!("{}/healthcheck", self.base));
        let health: Health = decoded(answered(asked).await?).await?;
        if health.is_executor_ready && health.is_log_client_ready {
            Ok(())
        } else {
            Err(ChromaError::BadAnswer("not ready".to_owned()))
        }
    }

    /// The collection of that name, made if it is not there. One that measures otherwise than we
    /// ask is refused: Chroma gives it back with its old settings.
    pub async fn open(&self, name: &str, metadata: &Value) -> Result<Collection, ChromaError> {
        let body = json!({
            "name": name, "get_or_create": true, "metadata": metadata,
            "configuration": {"hnsw": {"space": "cosine"}},
        });
        let call = self.http.post(self.collections()).json(&body);
        let found: Collection = decoded(answered(call).await?).await?;
        match found.space() {
            "cosine" => Ok(found),
            other => Err(ChromaError::BadAnswer(format!(
                "collection {name} measures {other}, not cosine"
            ))),
        }
    }

    /// All collections.
    pub async fn list(&self) -> Result<Vec<Collection>, ChromaError> {
        decoded(answered(self.http.get(self.collections())).await?).await
    }

    /// Removes a collection by name.
    pub async fn remove(&self, name: &str) -> Result<(), ChromaError> {
        let url = format!("{}/{name}", self.collections());
        answered(self.http.delete(url)).await.map(|_| ())
    }

    /// Adds vectors; an id that is there stays as it is.
    pub async fn add(&self, collection: &str, records: &[Record]) -> Result<(), ChromaError> {
        let body = json!({
            "ids": records.iter().map(|record| &record.id).collect::<Vec<_>>(),
            "embeddings": records.iter().map(|r| packed(&r.vector)).collect::<Vec<_>>(),
            "metadatas": records.iter().map(|record| &record.metadata).collect::<Vec<_>>(),
        });
        answered(self.record(collection, "add", &body))
            .await
            .map(|_| ())
    }

    /// The nearest vectors among those that `filter` lets through.
    pub async fn query(
        &self,
        collection: &str,
        vector: &[f32],
        filter: &Value,
        count: usize,
    ) -> Result<Vec<Neighbour>, ChromaError> {
        let body = json!({
            "query_embeddings": [vector], "n_results": count, "where": filter,
            "include": ["distances"],
        });
        let found: Columns =
            decoded(answered(self.record(collection, "query", &body)).await?).await?;
        let ids = found.ids.into_iter().next().unwrap_or_default();
        let distances = found
            .distances
            .and_then(|columns| columns.into_iter().next());
        let distances = distances.unwrap_or_default();
        if distances.len() != ids.len() {
            return Err(ChromaError::BadAnswer("ids without distances".to_owned()));
        }
        let pairs = ids.into_iter().zip(distances);
        Ok(pairs
            .filter_map(|(id, distance)| {
                Some(Neighbour {
                    id,
                    distance: distance?,
                })
            })
            .collect())
    }

    /// Which of those ids it has.
    pub async fn present(
        &self,
        collection: &str,
        ids: &[String],
    ) -> Result<Vec<String>, ChromaError> {
        let body = json!({"ids": ids, "include": []});
        let found: Ids = decoded(answered(self.record(collection, "get", &body)).await?).await?;
        Ok(found.ids)
    }

    /// A page of the ids that `filter` lets through.
    pub async fn matching(
        &self,
        collection: &str,
        filter: &Value,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<String>, ChromaError> {
        let body = json!({"where": filter, "limit": limit, "offset": offset, "include": []});
        let found: Ids = decoded(answered(self.record(collection, "get", &body)).await?).await?;
        Ok(found.ids)
    }

    /// Deletes by id. The count that Chroma gives is of what was asked, so it is not looked at.
    pub async fn delete(&self, collection: &str, ids: &[String]) -> Result<(), ChromaError> {
        let call = self.record(collection, "delete", &json!({"ids": ids}));
        answered(call).await.map(|_| ())
    }

    fn collections(&self) -> String {
        let base = &self.base;
        format!("{base}/tenants/default_tenant/databases/default_database/collections")
    }

    fn record(&self, collection: &str, action: &str, body: &Value) -> RequestBuilder {
        let url = format!("{}/{collection}/{action}", self.collections());
        self.http.post(url).json(body)
    }
}

/// Little-endian floats in base64: a third of the size of JSON numbers, and twice as fast.
fn packed(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

async fn answered(call: RequestBuilder) -> Result<Response, ChromaError> {
    let response = call.send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let text = response.text().await.unwrap_or_default();
    Err(ChromaError::of_status(status, &text))
}

async fn decoded<T: DeserializeOwned>(response: Response) -> Result<T, ChromaError> {
    let bytes = response.bytes().await?;
    serde_json::from_slice(&bytes).map_err(|error| ChromaError::BadAnswer(error.to_string()))
}
