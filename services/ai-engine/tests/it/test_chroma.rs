//! What we rely on in the real Chroma, and the holes that we stand in front of.

use ai_engine_service::chroma::{Chroma, ChromaError, Record};
use serde_json::{Value, json};
use shared_rpc::http_client;
use shared_testkit::Stores;
use uuid::Uuid;

/// A collection that goes away with the test.
struct Place {
    chroma: Chroma,
    name: String,
    id: String,
}

impl Place {
    async fn new() -> Self {
        let chroma = Chroma::new(&Stores::from_env().chroma).unwrap();
        let name = format!("t{}", Uuid::new_v4().simple());
        let id = chroma
            .open(&name, &json!({"dimension": 2}))
            .await
            .unwrap()
            .id;
        Self { chroma, name, id }
    }

    async fn leave(self) {
        self.chroma.remove(&self.name).await.unwrap();
    }
}

fn record(id: &str, vector: [f32; 2], tenant: &str) -> Record {
    Record {
        id: id.to_owned(),
        vector: vector.to_vec(),
        metadata: json!({"tenant": tenant}),
    }
}

fn of(tenant: &str) -> Value {
    json!({"tenant": tenant})
}

#[tokio::test]
async fn packed_vectors_measure_cosine_and_a_filter_is_obeyed() {
    let place = Place::new().await;
    let records = [
        record("near", [2.0, 0.0], "a"),
        record("far", [0.0, 3.0], "a"),
        record("foreign", [1.0, 0.0], "b"),
    ];
    place.chroma.add(&place.id, &records).await.unwrap();
    let found = place
        .chroma
        .query(&place.id, &[1.0, 0.0], &of("a"), 10)
        .await
        .unwrap();
    let ids: Vec<&str> = found.iter().map(|near| near.id.as_str()).collect();
    assert_eq!(ids, ["near", "far"]);
    assert!(found[0].distance.abs() < 1e-6 && (found[1].distance - 1.0).abs() < 1e-6);
    place.leave().await;
}

#[tokio::test]
async fn adding_an_id_again_changes_nothing_and_says_nothing() {
    let place = Place::new().await;
    place
        .chroma
        .add(&place.id, &[record("x", [1.0, 0.0], "a")])
        .await
        .unwrap();
    place
        .chroma
        .add(&place.id, &[record("x", [0.0, 1.0], "b")])
        .await
        .unwrap();
    let found = place
        .chroma
        .query(&place.id, &[1.0, 0.0], &of("a"), 1)
        .await
        .unwrap();
    assert!(found[0].distance.abs() < 1e-6, "the first vector stayed");
    place.leave().await;
}

#[tokio::test]
async fn deleting_what_is_not_there_is_no_error_and_a_read_tells_the_truth() {
    let place = Place::new().await;
    let ids = ["x".to_owned(), "y".to_owned()];
    place
        .chroma
        .add(&place.id, &[record("x", [1.0, 0.0], "a")])
        .await
        .unwrap();
    assert_eq!(place.chroma.present(&place.id, &ids).await.unwrap(), ["x"]);
    place.chroma.delete(&place.id, &ids).await.unwrap();
    place.chroma.delete(&place.id, &ids).await.unwrap();
    assert!(
        place
            .chroma
            .present(&place.id, &ids)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        place
            .chroma
            .matching(&place.id, &of("a"), 10, 0)
            .await
            .unwrap()
            .is_empty()
    );
    place.leave().await;
}

#[tokio::test]
async fn a_wrong_dimension_is_refused_and_a_lost_collection_is_not_found() {
    let place = Place::new().await;
    place
        .chroma
        .add(&place.id, &[record("x", [1.0, 0.0], "a")])
        .await
        .unwrap();
    let mut wrong = record("y", [1.0, 0.0], "a");
    wrong.vector.push(1.0);
    let refused = place.chroma.add(&place.id, &[wrong]).await;
    assert!(
        matches!(refused, Err(ChromaError::Refused(_))),
        "{refused:?}"
    );
    let (chroma, id) = (place.chroma.clone(), place.id.clone());
    place.leave().await;
    let lost = chroma.query(&id, &[1.0, 0.0], &of("a"), 1).await;
    assert!(matches!(lost, Err(ChromaError::NotFound(_))), "{lost:?}");
}

#[tokio::test]
async fn a_collection_that_measures_otherwise_is_refused() {
    let place = Place::new().await;
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
    let refused = place.chroma.open(&name, &json!({"x": 1})).await;
    assert!(
        matches!(refused, Err(ChromaError::BadAnswer(_))),
        "{refused:?}"
    );
    place.chroma.remove(&name).await.unwrap();
    place.leave().await;
}

#[tokio::test]
async fn a_tenant_of_chroma_is_no_boundary_so_ours_is_elsewhere() {
    // Whoever knows a collection's id reads it through any tenant (CVE-2026-45830). When this
    // test fails, Chroma has been mended, and chroma.rs may say so.
    let place = Place::new().await;
    place
        .chroma
        .add(&place.id, &[record("x", [1.0, 0.0], "a")])
        .await
        .unwrap();
    let base = Stores::from_env().chroma;
    let id = &place.id;
    let url = format!("{base}/api/v2/tenants/other/databases/other/collections/{id}/count");
    let http = http_client::new().unwrap();
    let answer = http.get(url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "1");
    place.leave().await;
}

#[tokio::test]
async fn as_many_vectors_as_one_batch_holds_are_all_there_afterwards() {
    let place = Place::new().await;
    let ids: Vec<String> = (0..250).map(|n| format!("id{n}")).collect();
    let records: Vec<Record> = ids.iter().map(|id| record(id, [1.0, 0.5], "a")).collect();
    place.chroma.add(&place.id, &records).await.unwrap();
    assert_eq!(
        place.chroma.present(&place.id, &ids).await.unwrap().len(),
        250
    );
    let page = place
        .chroma
        .matching(&place.id, &of("a"), 100, 200)
        .await
        .unwrap();
    assert_eq!(page.len(), 50, "pages of a filter");
    place.leave().await;
}
