//! The behaviour of the real Chroma that this service relies on, including its known faults.

use ai_engine_service::chroma::{Chroma, ChromaError, Record};
use serde_json::{Value, json};
use shared_rpc::http_client;
use shared_testkit::Stores;
use uuid::Uuid;

/// A collection for one test.
struct TestCollection {
    chroma: Chroma,
    name: String,
    id: String,
}

impl TestCollection {
    async fn new() -> Self {
        let chroma = Chroma::new(&Stores::from_env().chroma).unwrap();
        let name = format!("t{}", Uuid::new_v4().simple());
        let id = chroma
            .get_or_create(&name, &json!({"dimension": 2}))
            .await
            .unwrap()
            .id;
        Self { chroma, name, id }
    }

    async fn delete(self) {
        self.chroma.delete_collection(&self.name).await.unwrap();
    }
}

fn record(id: &str, vector: [f32; 2], tenant: &str) -> Record {
    Record {
        id: id.to_owned(),
        vector: vector.to_vec(),
        metadata: json!({"tenant": tenant}),
    }
}

fn tenant_filter(tenant: &str) -> Value {
    json!({"tenant": tenant})
}

#[tokio::test]
async fn a_query_sorts_by_cosine_distance_and_obeys_the_filter() {
    let collection = TestCollection::new().await;
    let records = [
        record("near", [2.0, 0.0], "a"),
        record("far", [0.0, 3.0], "a"),
        record("foreign", [1.0, 0.0], "b"),
    ];
    collection
        .chroma
        .add(&collection.id, &records)
        .await
        .unwrap();
    let found = collection
        .chroma
        .query(&collection.id, &[1.0, 0.0], &tenant_filter("a"), 10)
        .await
        .unwrap();
    let ids: Vec<&str> = found.iter().map(|near| near.id.as_str()).collect();
    assert_eq!(ids, ["near", "far"]);
    assert!(found[0].distance.abs() < 1e-6 && (found[1].distance - 1.0).abs() < 1e-6);
    collection.delete().await;
}

#[tokio::test]
async fn adding_an_existing_id_is_ignored_without_an_error() {
    let collection = TestCollection::new().await;
    collection
        .chroma
        .add(&collection.id, &[record("x", [1.0, 0.0], "a")])
        .await
        .unwrap();
    collection
        .chroma
        .add(&collection.id, &[record("x", [0.0, 1.0], "b")])
        .await
        .unwrap();
    let found = collection
        .chroma
        .query(&collection.id, &[1.0, 0.0], &tenant_filter("a"), 1)
        .await
        .unwrap();
    assert!(found[0].distance.abs() < 1e-6, "the first vector is kept");
    collection.delete().await;
}

#[tokio::test]
async fn deleting_a_missing_id_is_no_error_and_a_read_shows_what_exists() {
    let collection = TestCollection::new().await;
    let ids = ["x".to_owned(), "y".to_owned()];
    collection
        .chroma
        .add(&collection.id, &[record("x", [1.0, 0.0], "a")])
        .await
        .unwrap();
    assert_eq!(
        collection
            .chroma
            .existing_ids(&collection.id, &ids)
            .await
            .unwrap(),
        ["x"]
    );
    collection
        .chroma
        .delete(&collection.id, &ids)
        .await
        .unwrap();
    collection
        .chroma
        .delete(&collection.id, &ids)
        .await
        .unwrap();
    assert!(
        collection
            .chroma
            .existing_ids(&collection.id, &ids)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        collection
            .chroma
            .matching_ids(&collection.id, &tenant_filter("a"), 10, 0)
            .await
            .unwrap()
            .is_empty()
    );
    collection.delete().await;
}

#[tokio::test]
async fn a_wrong_dimension_is_refused_and_a_deleted_collection_is_not_found() {
    let collection = TestCollection::new().await;
    collection
        .chroma
        .add(&collection.id, &[record("x", [1.0, 0.0], "a")])
        .await
        .unwrap();
    let mut wrong = record("y", [1.0, 0.0], "a");
    wrong.vector.push(1.0);
    let refused = collection.chroma.add(&collection.id, &[wrong]).await;
    assert!(
        matches!(refused, Err(ChromaError::Refused(_))),
        "{refused:?}"
    );
    let chroma = collection.chroma.clone();
    let id = collection.id.clone();
    collection.delete().await;
    let lost = chroma.query(&id, &[1.0, 0.0], &tenant_filter("a"), 1).await;
    assert!(matches!(lost, Err(ChromaError::NotFound(_))), "{lost:?}");
}

#[tokio::test]
async fn a_collection_with_another_distance_is_refused() {
    let collection = TestCollection::new().await;
    let base = Stores::from_env().chroma;
    let base = format!("{base}/api/v2/tenants/default_tenant/databases/default_database");
    let name = format!("t{}", Uuid::new_v4().simple());
    let body = json!({"name": name, "configuration": {"hnsw": {"space": "l2"}}});
    let http = http_client::new().unwrap();
    let made = http
        .post(format!("{base}/collections"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert!(made.status().is_success());
    let refused = collection
        .chroma
        .get_or_create(&name, &json!({"x": 1}))
        .await;
    assert!(
        matches!(refused, Err(ChromaError::Malformed(_))),
        "{refused:?}"
    );
    collection.chroma.delete_collection(&name).await.unwrap();
    collection.delete().await;
}

#[tokio::test]
async fn chroma_does_not_isolate_its_own_tenants() {
    // A collection's id gives access through any tenant of Chroma (CVE-2026-45830). If this test
    // fails, Chroma has fixed that, and the documentation in clients/chroma.rs must change.
    let collection = TestCollection::new().await;
    collection
        .chroma
        .add(&collection.id, &[record("x", [1.0, 0.0], "a")])
        .await
        .unwrap();
    let base = Stores::from_env().chroma;
    let id = &collection.id;
    let url = format!("{base}/api/v2/tenants/other/databases/other/collections/{id}/count");
    let http = http_client::new().unwrap();
    let answer = http.get(url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "1");
    collection.delete().await;
}

#[tokio::test]
async fn a_full_batch_of_vectors_is_stored_completely() {
    let collection = TestCollection::new().await;
    let ids: Vec<String> = (0..250).map(|n| format!("id{n}")).collect();
    let records: Vec<Record> = ids.iter().map(|id| record(id, [1.0, 0.5], "a")).collect();
    collection
        .chroma
        .add(&collection.id, &records)
        .await
        .unwrap();
    assert_eq!(
        collection
            .chroma
            .existing_ids(&collection.id, &ids)
            .await
            .unwrap()
            .len(),
        250
    );
    let page = collection
        .chroma
        .matching_ids(&collection.id, &tenant_filter("a"), 100, 200)
        .await
        .unwrap();
    assert_eq!(page.len(), 50, "a filter is read in pages");
    collection.delete().await;
}
