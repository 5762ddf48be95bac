//! Invitations of members: used once, and limited by the role of their creator.

use http::StatusCode;
use serde_json::{Value, json};
use shared_models::Role;
use shared_testkit::{Answer, TestClient, published_events};
use uuid::Uuid;

use crate::test_app::{Account, PASSWORD, TestApp};

const INVITES: &str = "/auth/v1/invites";

fn as_caller(app: &TestApp, account: &Account) -> TestClient {
    app.client.with_token(&account.access)
}

async fn invite(client: &TestClient, email: &str, role: &str) -> Answer {
    let wanted = json!({"email": email, "role": role});
    client.post(INVITES, &wanted).await
}

/// The token of a new invitation.
async fn token(client: &TestClient, email: &str, role: &str) -> String {
    let made = invite(client, email, role)
        .await
        .expect(StatusCode::CREATED);
    made["token"].as_str().unwrap().to_owned()
}

async fn accept(app: &TestApp, token: &str) -> Answer {
    let body = json!({"token": token, "password": PASSWORD, "full_name": "Bo Marin"});
    app.client.post(&format!("{INVITES}/accept"), &body).await
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn invalid() -> (u16, String) {
    (401, "invalid_invitation".to_owned())
}

#[tokio::test]
async fn an_invited_person_becomes_a_member_with_the_role_once() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let owner = as_caller(&app, &ana);
    let token = token(&owner, "bo@example.com", "editor").await;
    let signed_in = accept(&app, &token).await.expect(StatusCode::CREATED);
    assert_eq!(signed_in["user"]["role"], "editor");
    assert_eq!(signed_in["user"]["email"], "bo@example.com");
    assert_eq!(signed_in["creator"]["id"], ana.creator.to_string());
    let again = app.login("bo@example.com", PASSWORD, "203.0.113.7").await;
    let bo = Account::of(&again.expect(StatusCode::OK));
    assert_eq!(bo.creator, ana.creator);
    let joined = |user, role| {
        (
            "member.joined".to_owned(),
            json!({"user": user, "role": role}),
        )
    };
    let expected = [joined(ana.user, "owner"), joined(bo.user, "editor")];
    let events = published_events(&app.admin().await, ana.creator).await;
    assert_eq!(events, expected);
    assert_eq!(refusal(&accept(&app, &token).await), invalid());

    let listed = owner.get(INVITES).await.expect(StatusCode::OK);
    assert_ne!(listed["items"][0]["accepted_at"], Value::Null);
    assert!(!listed.to_string().contains(&token));
    let id = listed["items"][0]["id"].as_str().unwrap();
    let late = owner.delete(&format!("{INVITES}/{id}")).await;
    assert_eq!(refusal(&late), (404, "unknown_invite".to_owned()));
}

#[tokio::test]
async fn of_many_concurrent_acceptances_one_succeeds() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let token = token(&as_caller(&app, &ana), "bo@example.com", "viewer").await;
    let (one, two, three) = tokio::join!(
        accept(&app, &token),
        accept(&app, &token),
        accept(&app, &token)
    );
    let mut statuses = [one, two, three].map(|answer| answer.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401, 401]);
}

#[tokio::test]
async fn a_revoked_replaced_or_expired_invitation_cannot_be_accepted() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let owner = as_caller(&app, &ana);
    let replaced = token(&owner, "bo@example.com", "editor").await;
    let made = invite(&owner, "bo@example.com", "viewer").await.json();
    assert_eq!(refusal(&accept(&app, &replaced).await), invalid());
    let path = format!("{INVITES}/{}", made["invite"]["id"].as_str().unwrap());
    assert_eq!(owner.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        owner.delete(&path).await.status,
        StatusCode::NO_CONTENT,
        "again"
    );
    let revoked = made["token"].as_str().unwrap();
    assert_eq!(refusal(&accept(&app, revoked).await), invalid());
    let old = token(&owner, "cy@example.com", "viewer").await;
    let pass = "update auth.invites set expires_at = now() where email = 'cy@example.com'";
    sqlx::query(pass).execute(&app.admin().await).await.unwrap();
    assert_eq!(refusal(&accept(&app, &old).await), invalid());
    assert_eq!(refusal(&accept(&app, "nonsense").await), invalid());
}

#[tokio::test]
async fn an_invitation_is_void_when_its_creator_loses_the_permission() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let bo = app.member(&ana, "bo@example.com", Role::Admin).await;
    let admin = as_caller(&app, &bo);
    let above = invite(&admin, "cy@example.com", "owner").await;
    assert_eq!(refusal(&above), (403, "permission_missing".to_owned()));
    let of_admin = token(&admin, "cy@example.com", "admin").await;
    let lesser = "update auth.memberships set role = 'viewer' where user_id = $1";
    let lesser = sqlx::query(lesser).bind(bo.user);
    lesser.execute(&app.admin().await).await.unwrap();
    assert_eq!(refusal(&accept(&app, &of_admin).await), invalid());

    let viewer = app.refresh(&bo.refresh).await.expect(StatusCode::OK);
    let viewer = app
        .client
        .with_token(viewer["access_token"].as_str().unwrap());
    let denied = invite(&viewer, "di@example.com", "viewer").await;
    assert_eq!(refusal(&denied), (403, "permission_missing".to_owned()));
}

#[tokio::test]
async fn an_address_with_an_account_cannot_be_invited_or_taken_over() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let owner = as_caller(&app, &ana);
    let taken = (409, "email_taken".to_owned());
    app.register("eve@example.com").await;
    assert_eq!(
        refusal(&invite(&owner, "eve@example.com", "viewer").await),
        taken
    );
    let open = token(&owner, "bo@example.com", "viewer").await;
    app.register("bo@example.com").await;
    assert_eq!(refusal(&accept(&app, &open).await), taken);
    let count = "select count(*) from auth.memberships where creator_id = $1";
    let members = sqlx::query_scalar::<_, i64>(count).bind(ana.creator);
    let admin = app.admin().await;
    assert_eq!(members.fetch_one(&admin).await.unwrap(), 1);
}

#[tokio::test]
async fn invalid_invitations_are_refused_with_a_reason() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let owner = as_caller(&app, &ana);
    let open = token(&owner, "bo@example.com", "viewer").await;
    let body = json!({"token": open, "password": "short", "full_name": "Bo Marin"});
    let weak = app.client.post(&format!("{INVITES}/accept"), &body).await;
    assert_eq!(refusal(&weak), (422, "weak_password".to_owned()));
    for wrong in [
        json!({"email": "nobody", "role": "viewer"}),
        json!({"email": "cy@example.com", "role": "king"}),
        json!({"email": "cy@example.com", "role": "viewer", "colour": 1}),
    ] {
        let answer = owner.post(INVITES, &wrong).await;
        assert_eq!(
            refusal(&answer),
            (422, "invalid_fields".to_owned()),
            "{wrong}"
        );
    }
    let copies = "insert into auth.invites
           (creator_id, id, email, role, token_hash, invited_by, expires_at)
         select creator_id, gen_random_uuid(), n || '@example.com', role, sha256(n::text::bytea),
                invited_by, expires_at
         from auth.invites, generate_series(2, 100) n";
    sqlx::query(copies)
        .execute(&app.admin().await)
        .await
        .unwrap();
    app.register("eve@example.com").await;
    // Whether an address has an account cannot be seen then.
    for email in ["cy@example.com", "eve@example.com"] {
        let full = invite(&owner, email, "viewer").await;
        assert_eq!(
            refusal(&full),
            (409, "too_many_invites".to_owned()),
            "{email}"
        );
    }
}

#[tokio::test]
async fn a_recipient_gets_few_invitations_whoever_sends_them() {
    let app = TestApp::new().await;
    let email = format!("{}@example.com", Uuid::new_v4().simple());
    let mut sent = 0;
    for name in ["ana", "eve"] {
        let sender = app.register(&format!("{name}@example.com")).await;
        let sender = as_caller(&app, &sender);
        for _ in 0..3 {
            let answer = invite(&sender, &email, "viewer").await;
            match refusal(&answer) {
                (201, _) => sent += 1,
                (429, _) => assert!(answer.headers.contains_key("retry-after")),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(sent, 3);
}

#[tokio::test]
async fn an_account_learns_of_few_addresses_whether_they_have_an_account() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let owner = as_caller(&app, &ana);
    app.register("eve@example.com").await;
    let mut answered = 0;
    for number in 0..40 {
        let email = format!("{number}-{}@example.com", Uuid::new_v4().simple());
        let answer = invite(&owner, &email, "viewer").await;
        match answer.status.as_u16() {
            201 => answered += 1,
            429 => {}
            other => panic!("{other}"),
        }
    }
    assert!((30..=31).contains(&answered), "{answered}");
    // The address of an account gets the same answer as any other.
    assert_eq!(
        invite(&owner, "eve@example.com", "viewer")
            .await
            .status
            .as_u16(),
        429
    );
}

#[tokio::test]
async fn invitations_of_another_account_are_not_found() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let eve = app.register("eve@example.com").await;
    let made = invite(&as_caller(&app, &ana), "bo@example.com", "viewer")
        .await
        .json();
    let path = format!("{INVITES}/{}", made["invite"]["id"].as_str().unwrap());
    let stranger = as_caller(&app, &eve);
    let refused = refusal(&stranger.delete(&path).await);
    assert_eq!(refused, (404, "unknown_invite".to_owned()));
    let listed = stranger.get(INVITES).await.expect(StatusCode::OK);
    assert_eq!(listed["items"], json!([]));
    accept(&app, made["token"].as_str().unwrap())
        .await
        .expect(StatusCode::CREATED);
}
