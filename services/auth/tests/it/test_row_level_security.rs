//! Row-level security: the role of this service sees one tenant or nothing.

use shared_config::Service;
use shared_models::{CreatorId, UserId};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::test_app::{PASSWORD, TestApp};

/// All tenant tables of this service, from the PostgreSQL catalogue.
async fn tenant_tables(app: &TestApp) -> Vec<String> {
    let rows = sqlx::query(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'creator_id'
         where n.nspname = 'auth' and c.relkind = 'r' order by 1",
    );
    let rows = rows.fetch_all(&app.admin().await).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Rows for each user in the tables that a registration leaves empty.
async fn fill(app: &TestApp) {
    let invited = "insert into auth.owner_invitations
        (creator_id, id, user_id, token_hash, expires_at)
        select creator_id, gen_random_uuid(), id, sha256(email::bytea), now() from auth.users";
    let keyed = "insert into auth.api_keys
        (creator_id, id, name, prefix, key_hash, scopes, created_by)
        select creator_id, gen_random_uuid(), 'Site', 'cpk_12345678', sha256(email::bytea),
               array['documents:read'], id from auth.users";
    let asked = "insert into auth.invites
        (creator_id, id, email, role, token_hash, invited_by, expires_at)
        select creator_id, gen_random_uuid(), email, 'viewer', sha256(email::bytea), id, now()
        from auth.users";
    let admin = app.admin().await;
    for rows in [invited, keyed, asked] {
        sqlx::query(rows).execute(&admin).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_tenant_every_table_is_empty_and_with_one_it_shows_its_rows() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    app.register("ben@example.com").await;
    app.login("ben@example.com", PASSWORD, "203.0.113.7").await;
    fill(&app).await;
    let tables = tenant_tables(&app).await;
    let expected = [
        "api_keys",
        "audit_log",
        "creators",
        "email_tokens",
        "invites",
        "mail_outbox",
        "memberships",
        "owner_invitations",
        "refresh_tokens",
        "sessions",
        "users",
    ];
    let expected = expected.map(|name| format!("auth.{name}"));
    assert!(expected.iter().all(|name| tables.contains(name)));
    let db = app.database.as_service(Service::Auth);
    for table in expected {
        let count = || AssertSqlSafe(format!("select count(*) from {table}"));
        let all: i64 = sqlx::query(count())
            .fetch_one(&app.admin().await)
            .await
            .unwrap()
            .get(0);
        assert!(all >= 2, "{table} holds both tenants");
        let mut nobody = db.system().await.unwrap();
        let seen: i64 = sqlx::query(count())
            .fetch_one(nobody.conn())
            .await
            .unwrap()
            .get(0);
        assert_eq!(seen, 0, "{table} without a tenant");
        let mut tx = db.tenant_read(ana.creator).await.unwrap();
        let seen: i64 = sqlx::query(count())
            .fetch_one(tx.conn())
            .await
            .unwrap()
            .get(0);
        assert_eq!(seen, 1, "{table} of one tenant");
    }
}

#[tokio::test]
async fn a_row_of_another_tenant_cannot_be_written() {
    let app = TestApp::new().await;
    let (ana, ben) = (
        app.register("ana@example.com").await,
        app.register("ben@example.com").await,
    );
    let db = app.database.as_service(Service::Auth);
    let mut tx = db.tenant(ana.creator).await.unwrap();
    let insert =
        "insert into auth.memberships (creator_id, user_id, role) values ($1, $2, 'owner')";
    let error = sqlx::query(insert)
        .bind(ben.creator)
        .bind(ana.user)
        .execute(tx.conn())
        .await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("row-level security"), "{error}");
    let mut tx = db.tenant(ana.creator).await.unwrap();
    let update = "update auth.users set full_name = 'Mallory' where id = $1";
    let changed = sqlx::query(update)
        .bind(ben.user)
        .execute(tx.conn())
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 0);
}

#[tokio::test]
async fn the_login_directory_is_reachable_through_its_functions_only() {
    let app = TestApp::new().await;
    app.register("ana@example.com").await;
    let db = app.database.as_service(Service::Auth);
    for statement in [
        "select * from auth.login_directory",
        "delete from auth.login_directory",
        "update auth.login_directory set email = 'x@example.com'",
        "truncate auth.users cascade",
        "drop table auth.users",
        "set role auth_lookup",
    ] {
        let mut tx = db.system().await.unwrap();
        let error = sqlx::query(statement)
            .execute(tx.conn())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("permission denied") || error.contains("owner"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_address_can_be_claimed_for_a_user_of_the_own_tenant_only() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let db = app.database.as_service(Service::Auth);
    let claim = async |connection: &mut PgConnection, user: UserId| {
        let claim = "select auth.claim_login('new@example.com', $1)";
        let claimed = sqlx::query(claim).bind(user).execute(connection).await;
        claimed.unwrap_err().to_string()
    };
    let mut nobody = db.system().await.unwrap();
    let error = claim(nobody.conn(), ana.user).await;
    assert!(error.contains("\"tenant\""), "no tenant, no claim: {error}");
    let mut other = db.tenant(CreatorId::new()).await.unwrap();
    let error = claim(other.conn(), ana.user).await;
    assert!(
        error.contains("foreign key"),
        "another tenant's user: {error}"
    );
    let mut own = db.tenant(ana.creator).await.unwrap();
    let error = claim(own.conn(), UserId::new()).await;
    assert!(
        error.contains("foreign key"),
        "a user that does not exist: {error}"
    );
}

#[tokio::test]
async fn a_deleted_user_frees_the_address() {
    let app = TestApp::new().await;
    let ana = app.register("ana@example.com").await;
    let delete = sqlx::query("delete from auth.users where id = $1").bind(ana.user);
    delete.execute(&app.admin().await).await.unwrap();
    assert_eq!(
        app.refresh(&ana.refresh).await.code(),
        "invalid_refresh_token"
    );
    assert_eq!(app.me(&ana.access).await.code(), "session_ended");
    app.register("ana@example.com").await;
}
