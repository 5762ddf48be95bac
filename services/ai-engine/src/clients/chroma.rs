//! The client of Chroma's API v2: collections, and the few record calls that this service needs.
//!
//! Chroma's responses prove nothing: it accepts an `add` that it ignores, and counts deletions that
//! it did not do. So whatever matters is read back. Collection ids never leave this service, since
//! everyone who knows an id has access to the collection.

mod collections;
mod error;
pub(crate) mod vector_store;
mod writer;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared_rpc::http_client;

pub use error::ChromaError;
pub use vector_store::{Vector, VectorStore};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A client of one Chroma server.
#[derive(Debug, Clone)]
pub struct Chroma {
    base: String,
    http: Client,
}

/// A collection of vectors.
#[derive(Debug, Clone, Deserialize)]
pub struct Collection {
    /// The id, which record calls take.
    pub id: String,
    /// The name.
    pub name: String,
    #[serde(default)]
    configuration_json: Value,
}

impl Collection {
    /// The distance function, such as `cosine`.
    fn space(&self) -> &str {
        self.configuration_json["hnsw"]["space"]
            .as_str()
            .unwrap_or_default()
    }
}

/// A vector with the metadata that filters use.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The id of the passage.
    pub id: String,
    /// The vector of the passage.
    pub vector: Vec<f32>,
    /// Tenant, document and version. Texts stay in PostgreSQL.
    pub metadata: Value,
}

/// A result of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The id of the passage.
    pub id: String,
    /// 1 − cosine similarity to the query.
    pub distance: f32,
}

#[derive(Deserialize)]
struct QueryResponse {
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
    /// A client of the server at that base URL; does not connect yet.
    pub fn new(base: &str) -> Result<Self, ChromaError> {
        http_client::install_tls_provider();
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        Ok(Self {
            base: format!("{base}/api/v2"),
            http: http.no_proxy().build()?,
        })
    }

    /// Succeeds if the server and its components are ready.
    pub async fn check_health(&self) -> Result<(), ChromaError> {
        send(self.http.get(format!("{}/heartbeat", self.base))).await?;
        let request = self.http.get(format!("{}/healthcheck", self.base));
        let health: Health = decode(send(request).await?).await?;
        if health.is_executor_ready && health.is_log_client_ready {
            Ok(())
        } else {
            Err(ChromaError::Malformed("not ready".to_owned()))
        }
    }

    /// Returns the collection, creating it if it does not exist. Chroma returns an existing
    /// collection with its old settings, so another distance function is an error.
    pub async fn get_or_create(
        &self,
        name: &str,
        metadata: &Value,
    ) -> Result<Collection, ChromaError> {
        let body = json!({
            "name": name, "get_or_create": true, "metadata": metadata,
            "configuration": {"hnsw": {"space": "cosine"}},
        });
        let call = self.http.post(self.collections_url()).json(&body);
        let found: Collection = decode(send(call).await?).await?;
        match found.space() {
            "cosine" => Ok(found),
            other => Err(ChromaError::Malformed(format!(
                "collection {name} uses the distance {other}, not cosine"
            ))),
        }
    }

    /// Lists all collections.
    pub async fn list_collections(&self) -> Result<Vec<Collection>, ChromaError> {
        decode(send(self.http.get(self.collections_url())).await?).await
    }

    /// Deletes a collection by name.
    pub async fn delete_collection(&self, name: &str) -> Result<(), ChromaError> {
        let url = format!("{}/{name}", self.collections_url());
        send(self.http.delete(url)).await.map(|_| ())
    }

    /// Adds vectors; an existing id keeps its vector.
    pub async fn add(&self, collection: &str, records: &[Record]) -> Result<(), ChromaError> {
        let body = json!({
            "ids": records.iter().map(|record| &record.id).collect::<Vec<_>>(),
            "embeddings": records.iter().map(|r| encode(&r.vector)).collect::<Vec<_>>(),
            "metadatas": records.iter().map(|record| &record.metadata).collect::<Vec<_>>(),
        });
        send(self.record_request(collection, "add", &body))
            .await
            .map(|_| ())
    }

    /// The nearest vectors among those that match the filter.
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
        let found: QueryResponse =
            decode(send(self.record_request(collection, "query", &body)).await?).await?;
        let ids = found.ids.into_iter().next().unwrap_or_default();
        let distances = found
            .distances
            .and_then(|columns| columns.into_iter().next())
            .unwrap_or_default();
        if distances.len() != ids.len() {
            return Err(ChromaError::Malformed("ids without distances".to_owned()));
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

    /// Returns those of the ids that the collection has.
    pub async fn existing_ids(
        &self,
        collection: &str,
        ids: &[String],
    ) -> Result<Vec<String>, ChromaError> {
        let body = json!({"ids": ids, "include": []});
        let found: Ids = decode(send(self.record_request(collection, "get", &body)).await?).await?;
        Ok(found.ids)
    }

    /// A page of the ids that match the filter.
    pub async fn matching_ids(
        &self,
        collection: &str,
        filter: &Value,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<String>, ChromaError> {
        let body = json!({"where": filter, "limit": limit, "offset": offset, "include": []});
        let found: Ids = decode(send(self.record_request(collection, "get", &body)).await?).await?;
        Ok(found.ids)
    }

    /// Deletes vectors by id. Chroma's count is that of the ids in the request, so it is ignored.
    pub async fn delete(&self, collection: &str, ids: &[String]) -> Result<(), ChromaError> {
        let call = self.record_request(collection, "delete", &json!({"ids": ids}));
        send(call).await.map(|_| ())
    }

    fn collections_url(&self) -> String {
        let base = &self.base;
        format!("{base}/tenants/default_tenant/databases/default_database/collections")
    }

    fn record_request(&self, collection: &str, action: &str, body: &Value) -> RequestBuilder {
        let url = format!("{}/{collection}/{action}", self.collections_url());
        self.http.post(url).json(body)
    }
}

/// Encodes floats as little-endian base64: a third of the size of JSON numbers, and twice as fast.
fn encode(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

async fn send(call: RequestBuilder) -> Result<Response, ChromaError> {
    let response = call.send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let text = response.text().await.unwrap_or_default();
    Err(ChromaError::from_status(status, &text))
}

async fn decode<T: DeserializeOwned>(response: Response) -> Result<T, ChromaError> {
    let bytes = response.bytes().await?;
    serde_json::from_slice(&bytes).map_err(|error| ChromaError::Malformed(error.to_string()))
}
