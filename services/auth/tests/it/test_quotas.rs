//! The quota of members, and what an account learns when it comes near to a quota.

use auth_service::commands;
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use shared_quota::QuotaGuard;
use shared_testkit::{Answer, TestClient, published_events};

use crate::test_app::{Account, PASSWORD, TestApp};

const INVITES: &str = "/auth/v1/invites";

async fn app(quotas: &str) -> (TestApp, Account, TestClient) {
    let quotas = QuotaGuard::new(quotas.parse().unwrap());
    let app = TestApp::with(|config| config.quotas = quotas).await;
    let ana = app.register("ana@example.com").await;
    let owner = app.client.with_token(&ana.access);
    (app, ana, owner)
}

async fn invite(owner: &TestClient, email: &str) -> Answer {
    let body = json!({"email": email, "role": "editor"});
    owner.post(INVITES, &body).await
}

async fn accept(app: &TestApp, invited: &Answer) -> Answer {
    let body = json!({"token": invited.json()["token"], "password": PASSWORD,
        "full_name": "Bo Marin"});
    app.client.post(&format!("{INVITES}/accept"), &body).await
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == StatusCode::FORBIDDEN
        && answer.code() == "quota_exceeded"
        && answer.json()["errors"][0]["field"] == "members"
}

/// What the counter says, and what is counted one by one: the two must not differ.
async fn members(app: &TestApp) -> i64 {
    let admin = app.admin().await;
    let kept = "select coalesce(sum(used), 0)::bigint from platform.quota_usage
                where quota = 'members'";
    let counted = "select count(*) from auth.memberships";
    let kept: i64 = sqlx::query_scalar(kept).fetch_one(&admin).await.unwrap();
    let counted: i64 = sqlx::query_scalar(counted).fetch_one(&admin).await.unwrap();
    assert_eq!(kept, counted, "the counter has drifted");
    counted
}

async fn run(app: &TestApp, statement: &'static str) {
    sqlx::query(statement)
        .execute(&app.admin().await)
        .await
        .unwrap();
}

/// The report of one quota.
async fn report(owner: &TestClient, quota: &str) -> Value {
    let usage = owner.get("/auth/v1/usage").await.expect(StatusCode::OK);
    let mut all = usage["quotas"].as_array().unwrap().iter();
    all.find(|one| one["name"] == quota).unwrap().clone()
}

#[tokio::test]
async fn parallel_invitations_get_no_more_places_than_the_quota() {
    let (app, _, owner) = app(r#"{"members": 4}"#).await;
    let addresses: Vec<String> = (0..8).map(|n| format!("m{n}@example.com")).collect();
    let answers = join_all(addresses.iter().map(|email| invite(&owner, email))).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!(made.len(), 3, "the owner has one of the four places");
    assert!(refused.iter().all(|answer| is_refused(answer)));
    let detail = refused[0].json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("uses 4 of its quota of 4 (members)"),
        "{detail}"
    );
    let joined = join_all(made.iter().map(|invited| accept(&app, invited))).await;
    assert!(
        joined
            .iter()
            .all(|answer| answer.status == StatusCode::CREATED)
    );
    assert_eq!(members(&app).await, 4);
    assert!(is_refused(&invite(&owner, "late@example.com").await));
}

#[tokio::test]
async fn a_place_is_free_again_when_an_invitation_or_a_member_goes() {
    let (app, _, owner) = app(r#"{"members": 2}"#).await;
    let first = invite(&owner, "bo@example.com")
        .await
        .expect(StatusCode::CREATED);
    assert!(is_refused(&invite(&owner, "cy@example.com").await));
    // Another invitation of the same address takes the place of the one before.
    invite(&owner, "bo@example.com")
        .await
        .expect(StatusCode::CREATED);
    let list = owner.get(INVITES).await.expect(StatusCode::OK);
    assert_eq!(list["items"][1]["id"], first["invite"]["id"]);
    let path = format!("{INVITES}/{}", list["items"][0]["id"].as_str().unwrap());
    assert_eq!(owner.delete(&path).await.status, StatusCode::NO_CONTENT);
    let cy = invite(&owner, "cy@example.com").await;
    run(
        &app,
        "update auth.invites set expires_at = now() where email = 'cy@example.com'",
    )
    .await;
    let di = invite(&owner, "di@example.com").await;
    assert_eq!(
        di.status,
        StatusCode::CREATED,
        "an expired one holds no place"
    );
    assert_eq!(accept(&app, &cy).await.code(), "invalid_invitation");
    let joined = accept(&app, &di).await.expect(StatusCode::CREATED);
    assert_eq!(members(&app).await, 2);
    let member = joined["user"]["id"].as_str().unwrap();
    let removed = owner.delete(&format!("/auth/v1/members/{member}")).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(members(&app).await, 1);
    invite(&owner, "ed@example.com")
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test]
async fn a_quota_below_the_use_removes_no_member_and_refuses_the_next() {
    let (app, ana, owner) = app(r#"{"members": 3}"#).await;
    let invited = invite(&owner, "bo@example.com").await;
    accept(&app, &invited).await.expect(StatusCode::CREATED);
    let waiting = invite(&owner, "cy@example.com").await;
    let lower = "insert into platform.tenant_settings (creator_id, plan, quotas)
                 values ($1, 'free', '{\"members\": 1}')";
    let lower = sqlx::query(lower).bind(ana.creator);
    lower.execute(&app.admin().await).await.unwrap();
    assert!(is_refused(&accept(&app, &waiting).await));
    assert!(is_refused(&invite(&owner, "di@example.com").await));
    assert_eq!(members(&app).await, 2);
    let found = report(&owner, "members").await;
    assert_eq!(
        (&found["used"], &found["limit"], &found["state"]),
        (&json!(2), &json!(1), &json!("reached"))
    );
    // The refusal of the acceptance has left the invitation as it was.
    run(&app, "delete from platform.tenant_settings").await;
    accept(&app, &waiting).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn each_share_of_a_quota_is_announced_once_in_a_month() {
    let (app, ana, owner) = app(r#"{"members": 5}"#).await;
    run(&app, "update auth.users set email_verified_at = now()").await;
    let mut percents = Vec::new();
    let mut last = Value::Null;
    for number in 0..4 {
        let invited = invite(&owner, &format!("m{number}@example.com")).await;
        last = accept(&app, &invited).await.expect(StatusCode::CREATED);
        percents.push(announced(&app, &ana).await);
    }
    assert_eq!(percents, [vec![], vec![], vec![80], vec![80, 100]]);
    let again = async |email: &str, member: &Value| {
        let member = member["user"]["id"].as_str().unwrap();
        let removed = owner.delete(&format!("/auth/v1/members/{member}")).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT);
        let invited = invite(&owner, email).await;
        accept(&app, &invited).await.expect(StatusCode::CREATED)
    };
    last = again("m4@example.com", &last).await;
    assert_eq!(
        announced(&app, &ana).await,
        [80, 100],
        "not again in this month"
    );
    run(
        &app,
        "update platform.quota_usage set announced_in = announced_in - 31
               where announced > 0",
    )
    .await;
    again("m5@example.com", &last).await;
    assert_eq!(
        announced(&app, &ana).await,
        [80, 100, 100],
        "the next month"
    );
}

/// The percentages of the published announcements.
async fn announced(app: &TestApp, ana: &Account) -> Vec<u64> {
    let events = published_events(&app.admin().await, ana.creator).await;
    let reached = events.iter().filter(|(name, _)| name == "quota.reached");
    reached
        .map(|(_, payload)| payload["percent"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn verified_owners_are_notified_and_the_audit_log_has_it() {
    let (app, _, owner) = app(r#"{"members": 2}"#).await;
    let invited = invite(&owner, "bo@example.com").await;
    accept(&app, &invited).await.expect(StatusCode::CREATED);
    run(&app, "update auth.users set email_verified_at = now()").await;
    assert_eq!(report(&owner, "members").await["state"], "reached");
    assert_eq!(report(&owner, "documents").await["state"], "available");
    for _ in 0..2 {
        app.deliver_events().await;
    }
    let outbox = commands::outbox(&app.config).await.unwrap();
    let subject = "A limit of your account is reached";
    assert_eq!(outbox.matches(subject).count(), 1, "{outbox}");
    assert!(
        outbox.contains(&format!("to ana@example.com: {subject}")),
        "{outbox}"
    );
    assert!(
        outbox.contains("your account uses 2 of its 2 members."),
        "{outbox}"
    );
    let entries = owner.get("/auth/v1/audit?action=quota.reached").await;
    let entries = entries.expect(StatusCode::OK);
    assert_eq!(entries["items"].as_array().unwrap().len(), 1);
    let (entry, service) = (&entries["items"][0], json!("service"));
    assert_eq!(
        (&entry["target"], &entry["actor_kind"]),
        (&json!("members"), &service)
    );
}

#[tokio::test]
async fn an_unverified_owner_gets_no_email() {
    let (app, _, owner) = app(r#"{"members": 2}"#).await;
    let invited = invite(&owner, "bo@example.com").await;
    accept(&app, &invited).await.expect(StatusCode::CREATED);
    app.deliver_events().await;
    let outbox = commands::outbox(&app.config).await.unwrap();
    assert!(!outbox.contains("A limit of your account"), "{outbox}");
}
