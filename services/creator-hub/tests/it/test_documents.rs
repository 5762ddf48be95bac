//! Documents: listed, read, described, processed again.

use std::collections::BTreeSet;

use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use shared_ai_client::IngestionFailure;
use shared_models::{Retry, Role};
use shared_testkit::{Answer, TestClient};

use crate::engine::Reply;
use crate::world::{DOCUMENTS, World};

async fn change(client: &TestClient, id: &str, body: &Value) -> Answer {
    client
        .json(Method::PATCH, &format!("{DOCUMENTS}/{id}"), body)
        .await
}

async fn reprocess(client: &TestClient, id: &str) -> Answer {
    let request = client.request(Method::POST, &format!("{DOCUMENTS}/{id}/reprocess"));
    client.send(request.body("".into()).unwrap()).await
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_documents_are_added() {
    let world = World::new().await;
    let mut first = BTreeSet::new();
    for number in 0..9 {
        first.insert(world.uploaded("a.txt", &format!("text {number}")).await);
    }
    let (mut seen, mut path) = (Vec::new(), format!("{DOCUMENTS}?limit=2"));
    for number in 9.. {
        let page = world.ana.get(&path).await.expect(StatusCode::OK);
        seen.extend(ids(&page));
        world.uploaded("a.txt", &format!("text {number}")).await;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{DOCUMENTS}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), first);
    assert!(seen.is_sorted_by(|one, next| one > next), "newest first");
    let all = world
        .ana
        .get(&format!("{DOCUMENTS}?limit=100"))
        .await
        .json();
    assert_eq!((ids(&all).len(), all.get("next_cursor")), (14, None));
}

#[tokio::test]
async fn a_cursor_leads_through_the_list_as_it_was_narrowed() {
    let world = World::new().await;
    for number in 0..3 {
        world.uploaded("a.txt", &format!("text {number}")).await;
    }
    let first = world.ana.get(&format!("{DOCUMENTS}?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let on = format!("{DOCUMENTS}?cursor={cursor}");
    let rest = world.ana.get(&format!("{on}&limit=50")).await;
    assert_eq!(ids(&rest.expect(StatusCode::OK)).len(), 2);
    for narrowed in ["tag=a", "state=ready", "tag=", "state=ready&tag=a"] {
        let answer = world.ana.get(&format!("{on}&{narrowed}")).await;
        assert_eq!(answer.code(), "invalid_query", "{narrowed}");
    }
}

#[tokio::test]
async fn a_list_is_filtered_by_state_and_tag() {
    let world = World::new().await;
    let ready = world.ready("a.txt", "one").await;
    let pending = world.uploaded("b.txt", "two").await;
    change(&world.ana, &ready, &json!({"tags": ["calm"]}))
        .await
        .expect(StatusCode::OK);
    let list = async |query: &str| {
        ids(&world
            .ana
            .get(&format!("{DOCUMENTS}?{query}"))
            .await
            .expect(StatusCode::OK))
    };
    assert_eq!(list("state=ready").await, std::slice::from_ref(&ready));
    assert_eq!(list("state=pending").await, [pending]);
    assert_eq!(list("state=failed").await, [] as [String; 0]);
    assert_eq!(list("tag=calm").await, [ready]);
    assert_eq!(list("tag=calm&state=pending").await, [] as [String; 0]);
    // No document can have such a tag, and PostgreSQL takes no such text.
    let impossible = world.ana.get(&format!("{DOCUMENTS}?tag=a%00b")).await;
    assert_eq!(impossible.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(impossible.code(), "invalid_query");
}

#[tokio::test]
async fn a_list_that_cannot_be_is_refused() {
    let world = World::new().await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=nonsense",
        "state=erasing",
        "page=2",
    ] {
        let answer = world.ana.get(&format!("{DOCUMENTS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.code(), "invalid_query");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    let world = World::new().await;
    let path = format!("{DOCUMENTS}/not-an-id");
    for answer in [
        world.ana.get(&path).await,
        world.ana.get(&format!("{path}/status")).await,
        world.ana.get(&format!("{path}/events")).await,
        world.ana.delete(&path).await,
        change(&world.ana, "not-an-id", &json!({})).await,
        reprocess(&world.ana, "not-an-id").await,
        world.ana.get("/creator-hub/v1/jobs/not-an-id").await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "malformed_id".into())
        );
    }
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_removes() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    let all = json!({"title": "Calm", "description": "How to", "tags": ["a", "b"]});
    let changed = change(&world.ana, &id, &all).await.expect(StatusCode::OK);
    assert_eq!(
        (&changed["title"], &changed["description"]),
        (&json!("Calm"), &json!("How to"))
    );
    let changed = change(&world.ana, &id, &json!({"description": null})).await;
    let changed = changed.expect(StatusCode::OK);
    assert_eq!(
        (&changed["title"], &changed["description"]),
        (&json!("Calm"), &json!(null))
    );
    assert_eq!(changed["tags"], json!(["a", "b"]));
    let changed = change(&world.ana, &id, &json!({}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(changed["tags"], json!(["a", "b"]));
    assert_eq!(
        change(&world.ana, &id, &json!({"tags": []})).await.json()["tags"],
        json!([])
    );
}

#[tokio::test]
async fn a_change_that_is_wrong_names_its_field() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    for (body, field) in [
        (json!({"title": null}), "title"),
        (json!({"title": " "}), "title"),
        (json!({"title": "x".repeat(201)}), "title"),
        (json!({"description": "x".repeat(1001)}), "description"),
        (json!({"tags": null}), "tags"),
        (json!({"tags": ["ok", "x".repeat(51)]}), "tags[1]"),
        (json!({"state": "ready"}), "state"),
    ] {
        let answer = change(&world.ana, &id, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(
            answer.json()["errors"][0]["field"],
            field,
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_new_title_is_what_a_searchable_document_is_cited_by() {
    let world = World::new().await;
    let id = world.ready("a.txt", "text").await;
    let same = change(&world.ana, &id, &json!({"title": "a"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&same["state"], &same["version"]),
        (&json!("ready"), &json!(1))
    );
    let changed = change(&world.ana, &id, &json!({"title": "Calm"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&changed["state"], &changed["version"]),
        (&json!("pending"), &json!(2))
    );
    world.work_off().await;
    assert_eq!(world.status(&id).await["state"], "ready");
    let asked = world.engine.asked();
    let seen: Vec<_> = asked
        .iter()
        .map(|asked| (asked.wanted.version, asked.wanted.title.as_str()))
        .collect();
    assert_eq!(seen, [(1, "a"), (2, "Calm")]);
}

#[tokio::test]
async fn a_failed_document_is_processed_anew_and_one_at_work_is_not() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    let busy = reprocess(&world.ana, &id).await;
    assert_eq!(
        (busy.status, busy.code()),
        (StatusCode::CONFLICT, "already_processing".into())
    );
    world
        .engine
        .reply(Reply::Fails(IngestionFailure::EmptyDocument, Retry::Never));
    world.work_off().await;
    let document = world.ana.get(&format!("{DOCUMENTS}/{id}")).await.json();
    assert_eq!(document["state"], "failed");
    assert_eq!(document["error"]["code"], "empty_document");
    assert_eq!(document["error"]["reason"], "the document contains no text");

    let answer = reprocess(&world.ana, &id).await;
    assert_eq!(
        answer.headers[header::LOCATION],
        format!("{DOCUMENTS}/{id}")
    );
    let body = answer.expect(StatusCode::ACCEPTED);
    assert_eq!(body["document"]["state"], "pending");
    assert_eq!(body["document"]["error"], Value::Null);
    assert_eq!(body["job"]["kind"], "ingest_document");
    world.work_off().await;
    let document = world.ana.get(&format!("{DOCUMENTS}/{id}")).await.json();
    assert_eq!(
        (&document["state"], &document["version"]),
        (&json!("ready"), &json!(2))
    );
    assert_eq!(document["chunk_count"], 3);
}

#[tokio::test]
async fn a_job_is_read_by_its_id() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    let job = reprocess_later(&world, &id).await;
    let path = format!("/creator-hub/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(world.ana.get(&path).await.expect(StatusCode::OK), job);
    world.work_off().await;
    let done = world.ana.get(&path).await.json();
    assert_eq!(
        (&done["state"], &done["progress"]),
        (&json!("succeeded"), &json!(100))
    );
    assert_eq!(done["attempts"], 1);
}

async fn reprocess_later(world: &World, id: &str) -> Value {
    world.work_off().await;
    reprocess(&world.ana, id).await.expect(StatusCode::ACCEPTED)["job"].clone()
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let world = World::new().await;
    let id = world.ready("a.txt", "text").await;
    let claims = world.mint.claims(world.creator, Role::Viewer);
    let viewer = world.anonymous.with_token(&world.mint.sign(&claims));
    assert_eq!(
        viewer.get(&format!("{DOCUMENTS}/{id}")).await.status,
        StatusCode::OK
    );
    for answer in [
        change(&viewer, &id, &json!({"title": "Mine"})).await,
        reprocess(&viewer, &id).await,
        viewer.delete(&format!("{DOCUMENTS}/{id}")).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let document = world.ana.get(&format!("{DOCUMENTS}/{id}")).await.json();
    assert_eq!(
        (&document["title"], &document["state"]),
        (&json!("a"), &json!("ready"))
    );
}
