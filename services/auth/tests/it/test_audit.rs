//! The audit log: its entries, who may read it, and the detection of changes.

use std::collections::HashSet;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use shared_config::Service;
use shared_models::Role;
use sqlx::AssertSqlSafe;

use crate::test_app::{Account, PASSWORD, TestApp};

const AUDIT: &str = "/auth/v1/audit";

async fn read(app: &TestApp, account: &Account, path: &str) -> Value {
    let client = app.client.with_token(&account.access);
    client.get(path).await.expect(StatusCode::OK)
}

fn actions(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn changes_and_refusals_are_logged_without_secrets() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    for number in 0..5 {
        if number == 4 {
            let nearly = "update auth.users set failed_logins = 19";
            let query = sqlx::query(nearly);
            query.execute(&app.admin().await).await.unwrap();
        }
        app.login("ana@example.com", "Wrong-Password-1", "203.0.113.7")
            .await;
    }
    let client = app.client.with_token(&ana.access);
    let body = json!({"name": "Site", "scopes": ["documents:read"]});
    let made = client
        .post("/auth/v1/api-keys", &body)
        .await
        .expect(StatusCode::CREATED);
    let key = made["api_key"]["id"].as_str().unwrap();
    client.delete(&format!("/auth/v1/api-keys/{key}")).await;
    let page = read(&app, &ana, AUDIT).await;
    let refused = ["session.refused"; 4];
    let mut expected = vec!["api_key.revoked", "api_key.created", "user.locked"];
    expected.extend(refused);
    expected.push("account.registered");
    assert_eq!(actions(&page), expected);
    assert_eq!(page["items"][0]["target"], key);
    assert_eq!(page["items"][0]["actor"], ana.user.to_string());
    assert_eq!(page["items"][3]["ip"], "203.0.113.7");
    let text = page.to_string();
    assert!(!text.contains("Wrong-Password") && !text.contains("ana@example.com"));
    let only = read(&app, &ana, &format!("{AUDIT}?action=user.locked")).await;
    assert_eq!(actions(&only), ["user.locked"]);
    let hers = read(&app, &ana, &format!("{AUDIT}?actor={}", ana.user)).await;
    assert_eq!(
        actions(&hers),
        ["api_key.revoked", "api_key.created", "account.registered"]
    );
    let answer = client.get(&format!("{AUDIT}?action=coffee.made")).await;
    assert_eq!(answer.code(), "invalid_query");
}

#[tokio::test]
async fn members_with_the_permission_list_and_export_the_log() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    for _ in 0..4 {
        app.login("ana@example.com", PASSWORD, "203.0.113.7").await;
    }
    let (mut seen, mut path) = (Vec::new(), format!("{AUDIT}?limit=2"));
    loop {
        let page = read(&app, &ana, &path).await;
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|entry| entry["seq"].as_i64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{AUDIT}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let client = app.client.with_token(&ana.access);
    let export = client.get(&format!("{AUDIT}/export")).await;
    assert_eq!(export.headers["content-type"], "application/x-ndjson");
    let lines: Vec<Value> = export
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let numbers: Vec<_> = lines
        .iter()
        .map(|line| line["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);

    let bo = app.member(&ana, "bo@example.com", Role::Editor).await;
    let editor = app.client.with_token(&bo.access);
    assert_eq!(editor.get(AUDIT).await.code(), "permission_missing");
    let eve = app.register("eve@example.com").await;
    assert_eq!(
        actions(&read(&app, &eve, AUDIT).await),
        ["account.registered"]
    );
}

#[tokio::test]
async fn a_period_filters_list_and_export() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    for _ in 0..5 {
        app.login("ana@example.com", PASSWORD, "203.0.113.7").await;
    }
    // One entry an hour: 00:00 to 05:00.
    let moved = "update auth.audit_log set at = '2026-03-01T00:00:00Z'::timestamptz
                 + (seq - 1) * interval '1 hour'";
    sqlx::query(moved)
        .execute(&app.admin().await)
        .await
        .unwrap();
    let client = app.client.with_token(&ana.access);
    let numbers = |page: &Value| -> Vec<i64> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|e| e["seq"].as_i64().unwrap()).collect()
    };
    for (period, seen) in [
        ("from=2026-03-01T02:00:00Z", vec![6, 5, 4, 3]),
        ("to=2026-03-01T02:00:00Z", vec![2, 1]),
        (
            "from=2026-03-01T02:00:00%2B01:00&to=2026-03-01T03:00:00Z",
            vec![3, 2],
        ),
        ("from=2026-03-01T02:00:00Z&to=2026-03-01T02:00:00Z", vec![]),
        ("from=-009998-01-02T00:00:00Z", vec![6, 5, 4, 3, 2, 1]),
        ("to=-009998-01-02T00:00:00Z", vec![]),
    ] {
        let page = read(&app, &ana, &format!("{AUDIT}?{period}")).await;
        assert_eq!(numbers(&page), seen, "{period}");
        let export = client.get(&format!("{AUDIT}/export?{period}")).await;
        assert_eq!(export.text().lines().count(), seen.len(), "{period}");
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_period_and_invalid_queries_are_refused() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    for _ in 0..2 {
        app.login("ana@example.com", PASSWORD, "203.0.113.7").await;
    }
    let client = app.client.with_token(&ana.access);
    let narrowed = format!("{AUDIT}?limit=1&from=2026-03-01T03:00:00Z");
    let first = read(&app, &ana, &narrowed).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = read(&app, &ana, &format!("{narrowed}&cursor={cursor}")).await;
    assert_eq!(next["items"][0]["seq"], 2);
    for path in [
        format!("{AUDIT}?limit=1&cursor={cursor}"),
        format!("{AUDIT}?from=2026-03-01T04:00:00Z&cursor={cursor}"),
        format!("{AUDIT}?from=yesterday"),
        format!("{AUDIT}?to=2026-03-01"),
        format!("{AUDIT}?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z"),
        format!("{AUDIT}/export?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z"),
        format!("{AUDIT}/export?from="),
        format!("{AUDIT}/export?since=2026-03-01T00:00:00Z"),
    ] {
        let refused = client.get(&path).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(refused.code(), "invalid_query", "{path}");
    }
}

/// The verification of a whole log that is intact and has no checkpoint yet.
fn intact(entries: i64) -> Value {
    json!({"intact": true, "entries": entries, "broken_at": null, "last_seq": entries,
        "complete": true, "checkpoint": null})
}

/// A verification, but for the last hash, which the tests of checkpoints compare.
async fn verify(app: &TestApp, account: &Account) -> Value {
    let mut found = read(app, account, &format!("{AUDIT}/verification")).await;
    let hash = found["last_hash"].take();
    assert_eq!(hash.as_str().map_or(0, str::len), 64, "{found}");
    found.as_object_mut().unwrap().remove("last_hash");
    found
}

#[tokio::test]
async fn an_account_has_one_verification_at_a_time() {
    let app = TestApp::new().await;
    let (ana, ben) = (
        app.register("ana@example.com").await,
        app.register("ben@example.com").await,
    );
    // As another verification does while it reads a segment.
    let db = app.database.as_service(Service::Auth);
    let mut other = db.tenant(ana.creator).await.unwrap();
    let lock = "select pg_advisory_xact_lock(hashtextextended('audit verification ' || $1, 0))";
    let lock = sqlx::query(lock).bind(ana.creator.to_string());
    lock.execute(other.conn()).await.unwrap();
    let path = format!("{AUDIT}/verification");
    let refused = app.client.with_token(&ana.access).get(&path).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::CONFLICT, "request_in_progress")
    );
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(verify(&app, &ben).await, intact(1), "another account's");
    other.commit().await.unwrap();
    assert_eq!(verify(&app, &ana).await, intact(1));
}

#[tokio::test]
async fn a_long_log_is_verified_in_segments_and_from_any_entry() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let admin = app.admin().await;
    let fill = "do $$ begin
        perform set_config('app.current_creator_id',
          (select creator_id::text from auth.creators), true);
        for i in 1..12000 loop
        perform auth.append_audit((select creator_id from auth.creators), 'service', null,
          'session.opened', null, null, i::text); end loop; end $$";
    sqlx::raw_sql(fill).execute(&admin).await.unwrap();
    let path = format!("{AUDIT}/verification");
    assert_eq!(verify(&app, &ana).await, intact(12_001));
    let change = "update auth.audit_log set action = 'session.ended' where seq in (7000, 11000)";
    sqlx::query(change).execute(&admin).await.unwrap();
    for (after, entries, broken) in [(0, 12_001, json!(7000)), (7000, 5_001, json!(11_000))] {
        let found = read(&app, &ana, &format!("{path}?after={after}")).await;
        assert_eq!(
            (&found["broken_at"], &found["entries"], &found["complete"]),
            (&broken, &json!(entries), &json!(true))
        );
    }
    let rest = read(&app, &ana, &format!("{path}?after=11000")).await;
    assert_eq!(
        (&rest["intact"], &rest["entries"]),
        (&json!(true), &json!(1001))
    );
    let client = app.client.with_token(&ana.access);
    // What follows an entry that does not exist cannot be verified.
    let beyond = read(&app, &ana, &format!("{path}?after=12001")).await;
    assert_eq!(
        (&beyond["intact"], &beyond["entries"]),
        (&json!(true), &json!(0))
    );
    for wrong in ["-1", "x", "1.5"] {
        let refused = client.get(&format!("{path}?after={wrong}")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let both = join_all([client.get(&path), client.get(&path)]).await;
    let mut statuses: Vec<u16> = both.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn fifty_concurrent_writers_append_to_one_chain() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let client = app.client.with_token(&ana.access);
    let said = json!({"purpose": "marketing", "version": "1", "granted": true});
    let writers = (0..50).map(|_| client.post("/auth/v1/me/consents", &said));
    for answer in join_all(writers).await {
        answer.expect(StatusCode::NO_CONTENT);
    }
    assert_eq!(verify(&app, &ana).await, intact(51));
    let export = client.get(&format!("{AUDIT}/export")).await.text();
    let entry = |line| serde_json::from_str::<Value>(line).unwrap();
    let entries: Vec<Value> = export.lines().map(entry).collect();
    let numbers: Vec<i64> = entries.iter().map(|e| e["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=51).collect::<Vec<i64>>());
    let requests: HashSet<&str> = entries
        .iter()
        .map(|entry| entry["request_id"].as_str().unwrap())
        .collect();
    assert_eq!(requests.len(), 51, "a deed is missing, or there twice");
}

#[tokio::test]
async fn every_change_of_the_chain_is_detected_and_located() {
    for (change, at) in [
        (
            "update auth.audit_log set action = 'session.ended' where seq = 3",
            3,
        ),
        (
            "update auth.audit_log set at = at + interval '1 microsecond' where seq = 2",
            2,
        ),
        ("update auth.audit_log set ip = null where seq = 4", 4),
        ("delete from auth.audit_log where seq = 2", 3),
        ("delete from auth.audit_log where seq = 1", 2),
        (
            "update auth.audit_log set hash = sha256('x') where seq = 3",
            3,
        ),
    ] {
        let app = TestApp::new().await;
        let ana = app.register("ana@example.com").await;
        for _ in 0..4 {
            app.login("ana@example.com", PASSWORD, "203.0.113.7").await;
        }
        let path = format!("{AUDIT}/verification");
        assert_eq!(verify(&app, &ana).await, intact(5));
        let admin = app.admin().await;
        sqlx::query(AssertSqlSafe(change))
            .execute(&admin)
            .await
            .unwrap();
        let broken = read(&app, &ana, &path).await;
        assert_eq!(
            (&broken["intact"], &broken["broken_at"]),
            (&json!(false), &json!(at)),
            "{change}"
        );
    }
}

#[tokio::test]
async fn concurrent_sign_ins_leave_no_gap_in_the_chain() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let writers = (0..12).map(|number| {
        let ip = format!("203.0.113.{number}");
        let (client, body) = (
            app.client.clone(),
            json!({"email": "ana@example.com", "password": PASSWORD}),
        );
        tokio::spawn(async move {
            let request = client
                .request(http::Method::POST, "/auth/v1/login")
                .header("content-type", "application/json")
                .header("x-forwarded-for", ip);
            client
                .send(request.body(body.to_string().into()).unwrap())
                .await
        })
    });
    let mut signed_in = 0;
    for writer in writers.collect::<Vec<_>>() {
        signed_in += i64::from(writer.await.unwrap().status == StatusCode::OK);
    }
    assert!(signed_in > 0);
    assert_eq!(verify(&app, &ana).await, intact(1 + signed_in));
}

#[tokio::test]
async fn changes_of_invitations_sessions_and_passwords_are_logged() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let owner = app.client.with_token(&ana.access);
    let invite = async |email: &str| {
        let wanted = json!({"email": email, "role": "viewer"});
        let made = owner.post("/auth/v1/invites", &wanted).await;
        made.expect(StatusCode::CREATED)
    };
    let (first, second) = (
        invite("bo@example.com").await,
        invite("cy@example.com").await,
    );
    let id = first["invite"]["id"].as_str().unwrap();
    owner.delete(&format!("/auth/v1/invites/{id}")).await;
    let body = json!({"token": second["token"], "password": PASSWORD, "full_name": "Cy Ito"});
    let joined = app.client.post("/auth/v1/invites/accept", &body).await;
    joined.expect(StatusCode::CREATED);
    let change = json!({"current_password": PASSWORD, "new_password": "Another-Orchard-71"});
    let changed = owner.post("/auth/v1/password/change", &change).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT);
    let expected = [
        "password.changed",
        "member.joined",
        "invite.revoked",
        "invite.created",
        "invite.created",
        "account.registered",
    ];
    let page = read(&app, &ana, AUDIT).await;
    assert_eq!(actions(&page), expected);
    assert!(!page.to_string().contains("Another-Orchard"));
    let everywhere = owner.post("/auth/v1/logout-all", &json!({})).await;
    assert_eq!(everywhere.status, StatusCode::NO_CONTENT);
    let back = app
        .login("ana@example.com", "Another-Orchard-71", "203.0.113.7")
        .await;
    let ana = Account::of(&back.expect(StatusCode::OK));
    let page = read(&app, &ana, &format!("{AUDIT}?limit=2")).await;
    assert_eq!(actions(&page), ["session.opened", "session.all_revoked"]);
}
