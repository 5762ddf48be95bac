//! Puts the vectors of a fixture back into Chroma.

use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use shared_rpc::http_client;
use uuid::Uuid;

use super::{fixture, send};

#[derive(Debug, Deserialize)]
struct Collection {
    name: String,
    metadata: Value,
    configuration: Value,
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    id: String,
    metadata: Value,
    vector: String,
}

/// Takes away what an earlier test left of the fixture's accounts and adds the fixture's vectors;
/// how many there are.
pub(super) async fn restore(chroma: &str, version: &str) -> usize {
    let http = http_client::new().unwrap();
    let text = fixture::text(version, "vectors.json");
    let collections: Vec<Collection> = serde_json::from_str(&text).unwrap();
    let mut restored = 0;
    for collection in &collections {
        restored += collection.records.len();
        let id = open(&http, chroma, collection).await;
        for tenant in tenants(collection) {
            let of_tenant = json!({"where": {"tenant": {"$eq": tenant}}});
            post(&http, chroma, &format!("/{id}/delete"), &of_tenant).await;
        }
        let records = &collection.records;
        let ids: Vec<_> = records.iter().map(|record| &record.id).collect();
        let metadatas: Vec<_> = records.iter().map(|record| &record.metadata).collect();
        let embeddings: Vec<_> = records.iter().map(|record| &record.vector).collect();
        let add = json!({"ids": ids, "embeddings": embeddings, "metadatas": metadatas});
        post(&http, chroma, &format!("/{id}/add"), &add).await;
    }
    restored
}

/// Removes the vectors of a document, as a loss would.
pub(crate) async fn lose(chroma: &str, document: Uuid) {
    let http = http_client::new().unwrap();
    let of_document = json!({"where": {"doc": {"$eq": document.to_string()}}});
    let all = send(http.request(Method::GET, base(chroma))).await.1;
    for collection in all.as_array().unwrap() {
        let id = collection["id"].as_str().unwrap();
        post(&http, chroma, &format!("/{id}/delete"), &of_document).await;
    }
}

async fn open(http: &Client, chroma: &str, collection: &Collection) -> String {
    let body = json!({
        "name": collection.name, "metadata": collection.metadata,
        "configuration": collection.configuration, "get_or_create": true,
    });
    let opened = post(http, chroma, "", &body).await;
    opened["id"].as_str().unwrap().to_owned()
}

fn tenants(collection: &Collection) -> Vec<&str> {
    let records = collection.records.iter();
    let mut tenants: Vec<_> = records
        .filter_map(|record| record.metadata["tenant"].as_str())
        .collect();
    tenants.sort_unstable();
    tenants.dedup();
    tenants
}

async fn post(http: &Client, chroma: &str, path: &str, body: &Value) -> Value {
    let url = format!("{}{path}", base(chroma));
    let (status, answer) = send(http.post(url).json(body)).await;
    assert!(status.is_success(), "{path}: {status} {answer}");
    answer
}

fn base(chroma: &str) -> String {
    format!("{chroma}/api/v2/tenants/default_tenant/databases/default_database/collections")
}
