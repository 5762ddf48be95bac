//! The word index: it is used under row-level security, and documents of earlier releases get it.

use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::test_app::TestApp;

async fn search(app: &TestApp, query: &str) -> Value {
    let body = json!({"query": query});
    let owner = app.owner(app.tenant);
    let answer = owner.post("/ai-engine/v1/search", &body).await;
    answer.expect(StatusCode::OK)
}

#[tokio::test]
async fn documents_of_an_earlier_release_are_searched_by_words_soon() {
    let app = TestApp::with_handbook().await;
    let before = search(&app, "skyr").await;
    assert_eq!(before["degraded"], json!([]));
    let admin = app.database.admin().await;
    let counted = "select count(*), (select passage_count from ai.indexed_documents)
                   from ai.postings";
    let expected = sqlx::query(counted).fetch_one(&admin).await.unwrap();
    for statement in [
        "delete from ai.postings",
        "update ai.indexed_documents set passage_count = null, term_count = null",
    ] {
        sqlx::query(statement).execute(&admin).await.unwrap();
    }
    let old = search(&app, "skyr").await;
    assert_eq!(old["degraded"], json!(["words_incomplete"]));
    let done = "select exists (select from ai.indexed_documents where passage_count > 0)";
    for _ in 0..5 {
        app.run_schedules().await;
        let done: bool = sqlx::query_scalar(done).fetch_one(&admin).await.unwrap();
        if done {
            break;
        }
    }
    let after = search(&app, "skyr").await;
    assert_eq!(after["degraded"], json!([]));
    assert_eq!(after["results"], before["results"]);
    let found = sqlx::query(counted).fetch_one(&admin).await.unwrap();
    for column in [0, 1] {
        let number = |row: &sqlx::postgres::PgRow| match column {
            0 => row.get::<i64, _>(0),
            _ => row.get::<i32, _>(1).into(),
        };
        assert_eq!(number(&found), number(&expected));
    }
}

#[tokio::test]
async fn the_index_is_used_under_row_level_security() {
    let app = TestApp::with_handbook().await;
    // So many rows that PostgreSQL prefers the index to a scan.
    let admin = app.database.admin().await;
    sqlx::query(
        "insert into ai.postings
           (creator_id, term, document_id, version, part, ordinals, frequencies, lengths)
         select creator_id, 'filler' || n, id, 1, 0, '{0}', '{1}', '{5}'
         from ai.indexed_documents, generate_series(1, 20000) n",
    )
    .execute(&admin)
    .await
    .unwrap();
    sqlx::query("analyze ai.postings")
        .execute(&admin)
        .await
        .unwrap();
    let mut tx = app.state.db.tenant_read(app.tenant).await.unwrap();
    let plan = "explain select part from ai.postings where term = 'breathing'";
    let rows = sqlx::query(plan).fetch_all(tx.conn()).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let plan = lines.join("\n");
    assert!(plan.contains("postings_pkey"), "{plan}");
    assert!(plan.contains("term = 'breathing'"), "{plan}");
}
