//! Documents: listed, read, described, processed again.

use std::collections::BTreeSet;

use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use shared_ai_client::IngestionFailure;
use shared_models::{Retry, Role};
use shared_testkit::{Answer, TestClient};

use crate::engine::Reply;
use crate::test_app::{DOCUMENTS, TestApp};

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
    let app = TestApp::new().await;
    let mut first = BTreeSet::new();
    for number in 0..9 {
        first.insert(app.uploaded("a.txt", &format!("text {number}")).await);
    }
    let (mut seen, mut path) = (Vec::new(), format!("{DOCUMENTS}?limit=2"));
    for number in 9.. {
        let page = app.ana.get(&path).await.expect(StatusCode::OK);
        seen.extend(ids(&page));
        app.uploaded("a.txt", &format!("text {number}")).await;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{DOCUMENTS}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), first);
    assert!(seen.is_sorted_by(|one, next| one > next), "newest first");
    let all = app.ana.get(&format!("{DOCUMENTS}?limit=100")).await.json();
    assert_eq!((ids(&all).len(), all.get("next_cursor")), (14, None));
}

#[tokio::test]
async fn a_cursor_leads_through_the_list_as_it_was_narrowed() {
    let app = TestApp::new().await;
    for number in 0..3 {
        app.uploaded("a.txt", &format!("text {number}")).await;
    }
    let first = app.ana.get(&format!("{DOCUMENTS}?limit=1")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let on = format!("{DOCUMENTS}?cursor={cursor}");
    let rest = app.ana.get(&format!("{on}&limit=50")).await;
    assert_eq!(ids(&rest.expect(StatusCode::OK)).len(), 2);
    for narrowed in ["tag=a", "state=ready", "tag=", "state=ready&tag=a"] {
        let answer = app.ana.get(&format!("{on}&{narrowed}")).await;
        assert_eq!(answer.code(), "invalid_query", "{narrowed}");
    }
}

#[tokio::test]
async fn a_list_is_filtered_by_state_and_tag() {
    let app = TestApp::new().await;
    let ready = app.ready("a.txt", "one").await;
    let pending = app.uploaded("b.txt", "two").await;
    change(&app.ana, &ready, &json!({"tags": ["calm"]}))
        .await
        .expect(StatusCode::OK);
    let list = async |query: &str| {
        ids(&app
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
    let impossible = app.ana.get(&format!("{DOCUMENTS}?tag=a%00b")).await;
    assert_eq!(impossible.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(impossible.code(), "invalid_query");
}

#[tokio::test]
async fn a_list_that_cannot_be_is_refused() {
    let app = TestApp::new().await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=nonsense",
        "state=erasing",
        "page=2",
    ] {
        let answer = app.ana.get(&format!("{DOCUMENTS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.code(), "invalid_query");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    let app = TestApp::new().await;
    let path = format!("{DOCUMENTS}/not-an-id");
    for answer in [
        app.ana.get(&path).await,
        app.ana.get(&format!("{path}/status")).await,
        app.ana.get(&format!("{path}/events")).await,
        app.ana.delete(&path).await,
        change(&app.ana, "not-an-id", &json!({})).await,
        reprocess(&app.ana, "not-an-id").await,
        app.ana.get("/creator-hub/v1/jobs/not-an-id").await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "malformed_id".into())
        );
    }
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_removes() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let all = json!({"title": "Calm", "description": "How to", "tags": ["a", "b"]});
    let changed = change(&app.ana, &id, &all).await.expect(StatusCode::OK);
    assert_eq!(
        (&changed["title"], &changed["description"]),
        (&json!("Calm"), &json!("How to"))
    );
    let changed = change(&app.ana, &id, &json!({"description": null})).await;
    let changed = changed.expect(StatusCode::OK);
    assert_eq!(
        (&changed["title"], &changed["description"]),
        (&json!("Calm"), &json!(null))
    );
    assert_eq!(changed["tags"], json!(["a", "b"]));
    let changed = change(&app.ana, &id, &json!({}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(changed["tags"], json!(["a", "b"]));
    assert_eq!(
        change(&app.ana, &id, &json!({"tags": []})).await.json()["tags"],
        json!([])
    );
}

#[tokio::test]
async fn a_change_that_is_wrong_names_its_field() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    for (body, field) in [
        (json!({"title": null}), "title"),
        (json!({"title": " "}), "title"),
        (json!({"title": "x".repeat(201)}), "title"),
        (json!({"description": "x".repeat(1001)}), "description"),
        (json!({"tags": null}), "tags"),
        (json!({"tags": ["ok", "x".repeat(51)]}), "tags[1]"),
        (json!({"state": "ready"}), "state"),
    ] {
        let answer = change(&app.ana, &id, &body).await;
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
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    let same = change(&app.ana, &id, &json!({"title": "a"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&same["state"], &same["version"]),
        (&json!("ready"), &json!(1))
    );
    let changed = change(&app.ana, &id, &json!({"title": "Calm"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&changed["state"], &changed["version"]),
        (&json!("pending"), &json!(2))
    );
    app.work_off().await;
    assert_eq!(app.status(&id).await["state"], "ready");
    let asked = app.engine.asked();
    let seen: Vec<_> = asked
        .iter()
        .map(|asked| (asked.wanted.version, asked.wanted.title.as_str()))
        .collect();
    assert_eq!(seen, [(1, "a"), (2, "Calm")]);
}

#[tokio::test]
async fn a_failed_document_is_processed_anew_and_one_at_work_is_not() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let busy = reprocess(&app.ana, &id).await;
    assert_eq!(
        (busy.status, busy.code()),
        (StatusCode::CONFLICT, "already_processing".into())
    );
    app.engine
        .reply(Reply::Fails(IngestionFailure::EmptyDocument, Retry::Never));
    app.work_off().await;
    let document = app.ana.get(&format!("{DOCUMENTS}/{id}")).await.json();
    assert_eq!(document["state"], "failed");
    assert_eq!(document["error"]["code"], "empty_document");
    assert_eq!(document["error"]["reason"], "the document contains no text");

    let answer = reprocess(&app.ana, &id).await;
    assert_eq!(
        answer.headers[header::LOCATION],
        format!("{DOCUMENTS}/{id}")
    );
    let body = answer.expect(StatusCode::ACCEPTED);
    assert_eq!(body["document"]["state"], "pending");
    assert_eq!(body["document"]["error"], Value::Null);
    assert_eq!(body["job"]["kind"], "ingest_document");
    app.work_off().await;
    let document = app.ana.get(&format!("{DOCUMENTS}/{id}")).await.json();
    assert_eq!(
        (&document["state"], &document["version"]),
        (&json!("ready"), &json!(2))
    );
    assert_eq!(document["chunk_count"], 3);
}

#[tokio::test]
async fn a_job_is_read_by_its_id() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let job = reprocess_later(&app, &id).await;
    let path = format!("/creator-hub/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(app.ana.get(&path).await.expect(StatusCode::OK), job);
    app.work_off().await;
    let done = app.ana.get(&path).await.json();
    assert_eq!(
        (&done["state"], &done["progress"]),
        (&json!("succeeded"), &json!(100))
    );
    assert_eq!(done["attempts"], 1);
}

async fn reprocess_later(app: &TestApp, id: &str) -> Value {
    app.work_off().await;
    reprocess(&app.ana, id).await.expect(StatusCode::ACCEPTED)["job"].clone()
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    let claims = app.mint.claims(app.creator, Role::Viewer);
    let viewer = app.anonymous.with_token(&app.mint.sign(&claims));
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
    let document = app.ana.get(&format!("{DOCUMENTS}/{id}")).await.json();
    assert_eq!(
        (&document["title"], &document["state"]),
        (&json!("a"), &json!("ready"))
    );
}
