//! One mailbox in several spellings of its address (UTS 46, NFC).

use http::StatusCode;
use serde_json::json;
use shared_models::Role;
use shared_testkit::Stores;

use crate::mailbox::{Worker, code};
use crate::test_app::{Account, PASSWORD, TestApp};

const ADDRESS: &str = "zoe@xn--bcher-kva.example";
const UNICODE: &str = "zoe@b\u{fc}cher.example";
const IP: &str = "203.0.113.7";

async fn register(app: &TestApp, email: &str) -> (u16, String) {
    let body = json!({"email": email, "password": PASSWORD, "full_name": "Zoe Lima"});
    let answer = app.client.post("/auth/v1/register", &body).await;
    let code = match answer.status {
        StatusCode::CREATED => String::new(),
        _ => answer.code(),
    };
    (answer.status.as_u16(), code)
}

/// An account as an earlier version made it, with the spelling that was typed.
async fn earlier_account(app: &TestApp, spelling: &str, password: &str) -> Account {
    let own = format!("u{}@example.com", uuid::Uuid::now_v7().simple());
    let body = json!({"email": own, "password": password, "full_name": "Zoe Lima"});
    let made = app.client.post("/auth/v1/register", &body).await;
    let account = Account::of(&made.expect(StatusCode::CREATED));
    let admin = app.admin().await;
    for statement in [
        "update auth.users set email = $2 where id = $1",
        "update auth.login_directory set email = $2 where user_id = $1",
    ] {
        let query = sqlx::query(statement).bind(account.user).bind(spelling);
        query.execute(&admin).await.unwrap();
    }
    account
}

async fn verify(app: &TestApp, account: &Account) {
    let verified = "update auth.users set email_verified_at = now() where id = $1";
    let query = sqlx::query(verified).bind(account.user);
    query.execute(&app.admin().await).await.unwrap();
}

/// Whose account opens.
async fn signed_in(app: &TestApp, email: &str, password: &str) -> Option<Account> {
    let answer = app.login(email, password, IP).await;
    (answer.status == StatusCode::OK).then(|| Account::of(&answer.json()))
}

async fn assert_opens(app: &TestApp, email: &str, password: &str, account: &Account) {
    let opened = signed_in(app, email, password).await;
    assert_eq!(opened.map(|one| one.user), Some(account.user), "{email}");
}

#[tokio::test]
async fn the_spellings_of_an_address_have_one_account() {
    let app = TestApp::new().await;
    let taken = (409, "email_taken".to_owned());
    let created = (201, String::new());
    assert_eq!(register(&app, UNICODE).await, created);
    for spelling in [
        ADDRESS,
        UNICODE,
        "Zoe@BU\u{308}CHER.example",
        "zoe@b\u{fc}cher\u{ff0e}example",
    ] {
        assert_eq!(register(&app, spelling).await, taken, "{spelling}");
        let answer = app
            .login(spelling, PASSWORD, IP)
            .await
            .expect(StatusCode::OK);
        assert_eq!(answer["user"]["email"], ADDRESS);
    }
    assert_eq!(register(&app, "jos\u{e9}@example.com").await, created);
    assert_eq!(register(&app, "jose\u{301}@example.com").await, taken);
    // A domain with combining marks.
    let devanagari = "a@\u{909}\u{926}\u{93e}\u{939}\u{930}\u{923}.\
                      \u{92a}\u{930}\u{940}\u{915}\u{94d}\u{937}\u{93e}";
    assert_eq!(register(&app, devanagari).await, created);
    for invisible in [
        "zo\u{200b}e@example.com",
        "zo\u{ad}e@example.com",
        "zo\u{3164}e@example.com",
    ] {
        let refused = register(&app, invisible).await;
        assert_eq!(refused, (422, "invalid_fields".to_owned()), "{invisible:?}");
    }
}

#[tokio::test]
async fn an_upgrade_gives_addresses_their_one_spelling() {
    let app = TestApp::new().await;
    let alone = earlier_account(&app, UNICODE, PASSWORD).await;
    let decomposed = earlier_account(&app, "jose\u{301}@example.com", PASSWORD).await;
    // Before the upgrade has changed the rows, and while an earlier version still adds some.
    assert_opens(&app, UNICODE, PASSWORD, &alone).await;
    let stores = Stores::from_env();
    for _ in 0..2 {
        app.database.migrate(&stores).await;
        for spelling in [UNICODE, ADDRESS] {
            assert_opens(&app, spelling, PASSWORD, &alone).await;
        }
        assert_opens(&app, "jos\u{e9}@example.com", PASSWORD, &decomposed).await;
        assert_opens(&app, "jose\u{301}@example.com", PASSWORD, &decomposed).await;
    }
    let me = app.me(&alone.access).await.expect(StatusCode::OK);
    assert_eq!(me["user"]["email"], ADDRESS);
    assert_eq!(register(&app, UNICODE).await.1, "email_taken");
    let policies = "select count(*) from pg_policies where policyname like 'migration%'";
    let left: i64 = sqlx::query_scalar(policies)
        .fetch_one(&app.admin().await)
        .await
        .unwrap();
    assert_eq!(left, 0, "policies of the migration");
}

#[tokio::test]
async fn of_accounts_that_collide_the_verified_one_keeps_the_address() {
    let app = TestApp::new().await;
    let older = earlier_account(&app, ADDRESS, "Copper-4-Meadow").await;
    let verified = earlier_account(&app, UNICODE, PASSWORD).await;
    verify(&app, &verified).await;
    let stores = Stores::from_env();
    for _ in 0..2 {
        app.database.migrate(&stores).await;
        // Each of them signs in as before.
        assert_opens(&app, UNICODE, PASSWORD, &verified).await;
        assert_opens(&app, ADDRESS, "Copper-4-Meadow", &older).await;
        let me = app.me(&verified.access).await.expect(StatusCode::OK);
        assert_eq!(me["user"]["email"], ADDRESS);
    }
    // Only the account that has the address can become an administrator by it.
    auth_service::commands::grant_admin(&app.config, ADDRESS)
        .await
        .unwrap();
    let admins: Vec<uuid::Uuid> = sqlx::query_scalar("select user_id from auth.platform_admins")
        .fetch_all(&app.admin().await)
        .await
        .unwrap();
    assert_eq!(admins, [verified.user.as_uuid()]);
}

#[tokio::test]
async fn of_accounts_that_collide_the_older_one_keeps_the_address() {
    let app = TestApp::new().await;
    let first = "jose\u{301}@b\u{fc}cher.example";
    let second = "jos\u{e9}@b\u{fc}cher.example";
    let third = "jose\u{301}@xn--bcher-kva.example";
    let older = earlier_account(&app, first, PASSWORD).await;
    let younger = earlier_account(&app, second, "Copper-4-Meadow").await;
    let youngest = earlier_account(&app, third, "Violet-9-Harbour").await;
    app.database.migrate(&Stores::from_env()).await;
    assert_opens(&app, first, PASSWORD, &older).await;
    assert_opens(&app, "jos\u{e9}@xn--bcher-kva.example", PASSWORD, &older).await;
    assert_opens(&app, second, "Copper-4-Meadow", &younger).await;
    assert_opens(&app, third, "Violet-9-Harbour", &youngest).await;
    // An email for the spelling of an account reaches that account.
    let _worker = Worker::start(&app);
    app.client
        .post("/auth/v1/password/reset", &json!({"email": second}))
        .await;
    let token = code(&app, second, "Set a new password", 1).await;
    let body = json!({"token": token, "new_password": "Amber-3-Lighthouse"});
    let reset = app.client.post("/auth/v1/password/reset/confirm", &body);
    assert_eq!(reset.await.status, StatusCode::NO_CONTENT);
    assert_opens(&app, second, "Amber-3-Lighthouse", &younger).await;
    assert_opens(&app, first, PASSWORD, &older).await;
}

#[tokio::test]
async fn an_account_whose_spelling_is_no_address_any_more_signs_in_by_it() {
    let app = TestApp::new().await;
    let spelling = "zo\u{200b}e@example.com";
    let account = earlier_account(&app, spelling, PASSWORD).await;
    assert_eq!(register(&app, "zoe@example.com").await.0, 201);
    app.database.migrate(&Stores::from_env()).await;
    assert_opens(&app, spelling, PASSWORD, &account).await;
}

#[tokio::test]
async fn members_of_one_account_can_collide() {
    let app = TestApp::new().await;
    let owner = app.register("jos\u{e9}@example.com").await;
    let decomposed = "jose\u{301}@example.com";
    let own = "other@example.com";
    let member = app.member(&owner, own, Role::Editor).await;
    let admin = app.admin().await;
    for statement in [
        "update auth.users set email = $2, email_verified_at = now() where id = $1",
        "update auth.login_directory set email = $2 where user_id = $1",
    ] {
        let query = sqlx::query(statement).bind(member.user).bind(decomposed);
        query.execute(&admin).await.unwrap();
    }
    for _ in 0..2 {
        app.database.migrate(&Stores::from_env()).await;
        // The member has the address, and the owner is found by the spelling that is the same.
        assert_opens(&app, decomposed, PASSWORD, &member).await;
        assert_opens(&app, "jos\u{e9}@example.com", PASSWORD, &owner).await;
    }
}
