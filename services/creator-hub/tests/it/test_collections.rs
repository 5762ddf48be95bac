//! Collections and visibility: kept here, applied by ai-engine.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_models::{CollectionId, DocumentId, Visibility};
use shared_testkit::Answer;

use crate::test_app::{DOCUMENTS, TestApp, send_form};

const COLLECTIONS: &str = "/creator-hub/v1/collections";

async fn created(app: &TestApp, name: &str) -> String {
    let answer = app.ana.post(COLLECTIONS, &json!({"name": name})).await;
    answer.expect(StatusCode::CREATED)["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn put(app: &TestApp, collection: &str, document: &str) -> Answer {
    let path = format!("{COLLECTIONS}/{collection}/documents/{document}");
    let request = app.ana.request(Method::PUT, &path);
    app.ana.send(request.body("".into()).unwrap()).await
}

/// The last access of a document that ai-engine has received.
fn told(app: &TestApp, document: &str) -> Option<(i32, Visibility, Vec<CollectionId>)> {
    let document: DocumentId = document.parse().unwrap();
    let access = app.engine.access();
    let mut of_document = access.iter().rev().filter(|(creator, access)| {
        assert_eq!(*creator, app.creator);
        access.document == document
    });
    let (_, access) = of_document.next()?;
    Some((
        access.revision,
        access.visibility,
        access.collections.clone(),
    ))
}

async fn jobs(app: &TestApp) -> i64 {
    app.count("select count(*) from platform.jobs where kind = 'set_document_access'")
        .await
}

#[tokio::test]
async fn a_collection_is_created_listed_changed_and_deleted() {
    let app = TestApp::new().await;
    let id = created(&app, "Free").await;
    let other = created(&app, "Members").await;
    let again = app.ana.post(COLLECTIONS, &json!({"name": "FREE"})).await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, "collection_exists".into())
    );
    let path = format!("{COLLECTIONS}/{id}");
    let change = async |body: Value| app.ana.json(Method::PATCH, &path, &body).await;
    let changed = change(json!({"description": "For everybody"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("Free"), &json!("For everybody"))
    );
    assert_eq!(
        change(json!({"name": "members"})).await.code(),
        "collection_exists"
    );
    let changed = change(json!({"name": "Open", "description": null}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("Open"), &Value::Null)
    );
    let listed = app.ana.get(COLLECTIONS).await.expect(StatusCode::OK);
    let names: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert_eq!(names, ["Members", "Open"]);
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "x".repeat(101)}),
    ] {
        let refused = app.ana.post(COLLECTIONS, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    assert_eq!(app.ana.delete(&path).await.status, StatusCode::NO_CONTENT);
    for answer in [
        app.ana.get(&path).await,
        app.ana.delete(&path).await,
        change(json!({"name": "x"})).await,
        app.ben.get(&format!("{COLLECTIONS}/{other}")).await,
        app.ben.delete(&format!("{COLLECTIONS}/{other}")).await,
    ] {
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::NOT_FOUND, "unknown_collection".into())
        );
    }
}

#[tokio::test]
async fn documents_come_into_collections_and_ai_engine_is_told() {
    let app = TestApp::new().await;
    let document = app.ready("a.txt", "one").await;
    let id = created(&app, "Free").await;
    assert_eq!(
        put(&app, &id, &document).await.status,
        StatusCode::NO_CONTENT
    );
    let collection: CollectionId = id.parse().unwrap();
    assert_eq!(
        told(&app, &document),
        Some((1, Visibility::AnswerOnly, vec![collection]))
    );
    // Repeating it tells nothing.
    assert_eq!(
        put(&app, &id, &document).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!((app.engine.access().len(), jobs(&app).await), (1, 1));
    let found = app
        .ana
        .get(&format!("{COLLECTIONS}/{id}"))
        .await
        .expect(StatusCode::OK);
    assert_eq!(found["document_count"], 1);
    let listed = app
        .ana
        .get(&format!("{DOCUMENTS}?collection={id}"))
        .await
        .expect(StatusCode::OK);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["items"][0]["id"], document.as_str());
    let none = app
        .ana
        .get(&format!("{DOCUMENTS}?collection={}", CollectionId::new()))
        .await;
    assert_eq!(none.expect(StatusCode::OK)["items"], json!([]));
}

#[tokio::test]
async fn ai_engine_learns_of_collections_that_change_and_end() {
    let app = TestApp::new().await;
    let document = app.ready("a.txt", "one").await;
    let outside = app.ready("b.txt", "two").await;
    let id = created(&app, "Free").await;
    let collection: CollectionId = id.parse().unwrap();
    put(&app, &id, &document).await;
    // A document that is processed again tells it too.
    let request = app
        .ana
        .request(Method::POST, &format!("{DOCUMENTS}/{document}/reprocess"));
    app.ana
        .send(request.body("".into()).unwrap())
        .await
        .expect(StatusCode::ACCEPTED);
    app.work_off().await;
    let wanted = app
        .engine
        .asked()
        .last()
        .unwrap()
        .wanted
        .access
        .clone()
        .unwrap();
    assert_eq!((wanted.revision, wanted.collections), (1, vec![collection]));
    let path = format!("{COLLECTIONS}/{id}/documents/{document}");
    assert_eq!(app.ana.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        told(&app, &document),
        Some((2, Visibility::AnswerOnly, vec![]))
    );
    put(&app, &id, &document).await;
    put(&app, &id, &outside).await;
    assert_eq!(
        app.ana.delete(&format!("{COLLECTIONS}/{id}")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        told(&app, &document),
        Some((4, Visibility::AnswerOnly, vec![]))
    );
    assert_eq!(
        told(&app, &outside),
        Some((2, Visibility::AnswerOnly, vec![]))
    );
    for (collection, document, code) in [
        (id.as_str(), document.as_str(), "unknown_collection"),
        (
            &created(&app, "New").await,
            &DocumentId::new().to_string(),
            "unknown_document",
        ),
        (&created(&app, "Newer").await, "x", "malformed_id"),
    ] {
        assert_eq!(put(&app, collection, document).await.code(), code);
    }
}

#[tokio::test]
async fn visibility_is_set_with_the_upload_and_changed_later() {
    let app = TestApp::new().await;
    let form = |name: &'static str| -> [(&str, Option<&str>, &[u8]); 2] {
        [
            ("file", Some("a.txt"), b"one"),
            ("visibility", None, name.as_bytes()),
        ]
    };
    let refused = send_form(&app.ana, &form("secret")).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields".into())
    );
    let made = send_form(&app.ana, &form("internal"))
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(made["document"]["visibility"], "internal");
    let id = made["document"]["id"].as_str().unwrap().to_owned();
    app.work_off().await;
    let wanted = app
        .engine
        .asked()
        .last()
        .unwrap()
        .wanted
        .access
        .clone()
        .unwrap();
    assert_eq!(
        (wanted.revision, wanted.visibility),
        (1, Visibility::Internal)
    );
    let path = format!("{DOCUMENTS}/{id}");
    let change = async |body: Value| app.ana.json(Method::PATCH, &path, &body).await;
    let changed = change(json!({"visibility": "public"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&changed["visibility"], &changed["state"]),
        (&json!("public"), &json!("ready"))
    );
    assert_eq!(told(&app, &id), Some((2, Visibility::Public, vec![])));
    change(json!({"visibility": "public", "tags": ["a"]}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(app.engine.access().len(), 1, "nothing has changed");
    for wrong in [json!("secret"), Value::Null, json!(5)] {
        let refused = change(json!({"visibility": wrong})).await;
        assert_eq!(refused.code(), "invalid_fields", "{wrong}");
    }
    // An upload that says nothing is as before.
    let plain = app.ready("b.txt", "two").await;
    assert_eq!(app.engine.asked().last().unwrap().wanted.access, None);
    let plain = app
        .ana
        .get(&format!("{DOCUMENTS}/{plain}"))
        .await
        .expect(StatusCode::OK);
    assert_eq!(plain["visibility"], "answer_only");
}

#[tokio::test]
async fn a_change_is_kept_for_ai_engine_while_it_is_unavailable() {
    let app = TestApp::with(|config| config.ai_engine_url = "http://127.0.0.1:1".to_owned()).await;
    let id = app.uploaded("a.txt", "one").await;
    let body = json!({"visibility": "internal"});
    let path = format!("{DOCUMENTS}/{id}");
    app.ana
        .json(Method::PATCH, &path, &body)
        .await
        .expect(StatusCode::OK);
    assert_eq!(jobs(&app).await, 1);
    // The newest job of the document is still the one that processes it.
    let of_document = "select count(*) from platform.jobs j join hub.documents d
                       on d.id = j.subject_id where j.kind = 'set_document_access'";
    assert_eq!(
        (
            app.status(&id).await["stage"].as_str(),
            app.count(of_document).await
        ),
        (Some("queued"), 0)
    );
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_collections() {
    let app = TestApp::new().await;
    for number in 0..100 {
        created(&app, &format!("Collection {number}")).await;
    }
    let refused = app
        .ana
        .post(COLLECTIONS, &json!({"name": "One more"}))
        .await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::CONFLICT, "too_many_collections".into())
    );
    let document = app.uploaded("a.txt", "one").await;
    let listed = app
        .ana
        .get(&format!("{COLLECTIONS}?limit=21"))
        .await
        .expect(StatusCode::OK);
    let ids: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["id"].as_str().unwrap())
        .collect();
    for id in &ids[..20] {
        assert_eq!(
            put(&app, id, &document).await.status,
            StatusCode::NO_CONTENT
        );
    }
    assert_eq!(
        put(&app, ids[20], &document).await.code(),
        "too_many_collections"
    );
}
