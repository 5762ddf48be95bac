//! Quotas of documents and storage: exact for parallel requests, never below what is there.

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use shared_quota::QuotaGuard;
use shared_testkit::{Answer, published_events};

use crate::site::Site;
use crate::test_app::{DOCUMENTS, TestApp, upload, upload_version};
use crate::test_sites::{SITES, added, sync};

async fn app(quotas: &str) -> TestApp {
    let quotas = QuotaGuard::new(quotas.parse().unwrap());
    TestApp::with(|config| {
        config.quotas = quotas;
        config.allowed_networks = "127.0.0.0/8".parse().unwrap();
    })
    .await
}

/// What the counters say, and what is counted one by one: the two must not differ.
async fn used(app: &TestApp) -> (i64, i64) {
    let counted = "select coalesce(sum(used), 0)::bigint from platform.quota_usage where quota = ";
    let recounted = app
        .count("select count(*) from hub.documents where state <> 'erasing'")
        .await;
    let bytes = app
        .count(
            "select coalesce(sum(n), 0)::bigint from (
               select file_size as n from hub.documents where state <> 'erasing'
               union all select file_size from hub.document_versions) f",
        )
        .await;
    let admin = app.admin().await;
    let mut kept = Vec::new();
    for quota in ["'documents'", "'storage_bytes'"] {
        let query = sqlx::AssertSqlSafe(format!("{counted}{quota}"));
        let number: i64 = sqlx::query_scalar(query).fetch_one(&admin).await.unwrap();
        kept.push(number);
    }
    assert_eq!(kept, [recounted, bytes], "the counters have drifted");
    (recounted, bytes)
}

fn is_refused(answer: &Answer, quota: &str) -> bool {
    answer.status == StatusCode::FORBIDDEN
        && answer.code() == "quota_exceeded"
        && answer.json()["errors"][0]["field"] == quota
}

#[tokio::test]
async fn parallel_uploads_get_no_more_than_the_quota() {
    let app = app(r#"{"documents": 3}"#).await;
    let names: Vec<String> = (0..12).map(|number| format!("{number}.txt")).collect();
    let uploads = names
        .iter()
        .map(|name| upload(&app.ana, name, name.as_bytes()));
    let answers = join_all(uploads).await;
    let accepted = answers.iter().filter(|a| a.status == StatusCode::ACCEPTED);
    assert_eq!(accepted.count(), 3);
    let refused = answers.iter().filter(|a| is_refused(a, "documents"));
    assert_eq!(refused.count(), 9);
    assert_eq!(used(&app).await.0, 3);
    let events = published_events(&app.admin().await, app.creator).await;
    let reached = events.iter().filter(|(name, _)| name == "quota.reached");
    let payload = json!({"quota": "documents", "percent": 100, "used": 3, "limit": 3});
    assert_eq!(
        reached.map(|(_, said)| said).collect::<Vec<_>>(),
        [&payload]
    );
    // Another account has a quota of its own.
    let other = upload(&app.ben, "other.txt", b"Other").await;
    assert_eq!(other.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn at_the_quota_everything_but_additions_works_and_a_deletion_makes_room() {
    let app = app(r#"{"documents": 1}"#).await;
    let id = app.ready("guide.txt", "Breathe in for four counts.").await;
    assert!(is_refused(
        &upload(&app.ana, "b.txt", b"Second").await,
        "documents"
    ));
    assert_eq!(app.ana.get(DOCUMENTS).await.status, StatusCode::OK);
    let file = app.ana.get(&format!("{DOCUMENTS}/{id}/file")).await;
    assert_eq!(file.status, StatusCode::OK);
    // A new file of the same document is no new document.
    let version = upload_version(&app.ana, &id, "guide.txt", b"Breathe out.").await;
    assert_eq!(version.status, StatusCode::ACCEPTED, "{}", version.text());
    app.work_off().await;
    used(&app).await;
    let deleted = app.ana.delete(&format!("{DOCUMENTS}/{id}")).await;
    assert_eq!(deleted.status, StatusCode::ACCEPTED);
    let second = upload(&app.ana, "b.txt", b"Second").await;
    assert_eq!(
        second.status,
        StatusCode::ACCEPTED,
        "at once, not after the erasure"
    );
    app.work_off().await;
    assert_eq!(used(&app).await, (1, 6));
}

#[tokio::test]
async fn storage_counts_every_file_that_is_kept() {
    let app = app(r#"{"storage_bytes": 100}"#).await;
    let id = app.ready("a.txt", &"a".repeat(40)).await;
    let version = upload_version(&app.ana, &id, "a.txt", "b".repeat(40).as_bytes()).await;
    assert_eq!(version.status, StatusCode::ACCEPTED);
    app.work_off().await;
    assert_eq!(used(&app).await, (1, 80));
    let third = upload_version(&app.ana, &id, "a.txt", "c".repeat(40).as_bytes()).await;
    assert!(is_refused(&third, "storage_bytes"), "{}", third.text());
    let other = upload(&app.ana, "d.txt", "d".repeat(21).as_bytes()).await;
    assert!(is_refused(&other, "storage_bytes"));
    let fits = upload(&app.ana, "d.txt", "d".repeat(20).as_bytes()).await;
    assert_eq!(fits.status, StatusCode::ACCEPTED);
    assert_eq!(used(&app).await, (2, 100));
}

#[tokio::test]
async fn a_lowered_quota_removes_nothing_and_a_row_replaces_the_default() {
    let app = app(r#"{"documents": 3}"#).await;
    for name in ["a", "b"] {
        app.ready(&format!("{name}.txt"), name).await;
    }
    let admin = app.admin().await;
    let set = async |quotas: Value| {
        // The account has no row in auth's tables here.
        let sql = format!(
            "set session_replication_role = replica;
             insert into platform.tenant_settings (creator_id, plan, quotas)
             values ('{}', 'free', '{quotas}')
             on conflict (creator_id) do update set quotas = excluded.quotas;
             set session_replication_role = origin",
            app.creator
        );
        let sql = sqlx::AssertSqlSafe(sql);
        sqlx::raw_sql(sql).execute(&admin).await.unwrap();
    };
    set(json!({"documents": 1})).await;
    let refused = upload(&app.ana, "c.txt", b"c").await;
    assert!(is_refused(&refused, "documents"));
    assert!(
        refused.text().contains("uses 2 of its quota of 1"),
        "{}",
        refused.text()
    );
    assert_eq!(used(&app).await.0, 2, "nothing is removed");
    set(json!({})).await;
    let free = upload(&app.ana, "c.txt", b"c").await;
    assert_eq!(
        free.status,
        StatusCode::ACCEPTED,
        "what is not set is unlimited"
    );
}

#[tokio::test]
async fn the_pages_of_a_site_count_and_those_beyond_the_quota_say_so() {
    let (app, host) = (app(r#"{"documents": 2}"#).await, Site::start().await);
    let paths = ["/one", "/two", "/three", "/four"];
    for path in paths {
        host.page(path, path, &format!("About {path}."));
    }
    host.sitemap(&paths);
    let id = added(&app, json!({"url": format!("{}/sitemap.xml", host.url)})).await;
    app.work_off().await;
    assert_eq!(used(&app).await.0, 2);
    let pages = app.ana.get(&format!("{SITES}/{id}/pages")).await.json();
    let failed: Vec<&Value> = pages["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|page| page["error"]["code"] == "quota_exceeded")
        .collect();
    assert_eq!(failed.len(), 2, "{pages}");
    // With room again, the next synchronisation adds them.
    let list = app.ana.get(DOCUMENTS).await.json();
    let first = list["items"][0]["id"].as_str().unwrap().to_owned();
    app.ana.delete(&format!("{DOCUMENTS}/{first}")).await;
    let site = sync(&app, &id).await;
    assert_eq!(site["pages_failed"], 1, "{site}");
    used(&app).await;
}
