//! A copy has everything, and an erasure leaves nothing: by the four real services.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use shared_config::Service;
use shared_models::ExportRecord;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use crate::processes::{Account, PASSWORD, Processes, call};
use crate::traces::{in_chroma, in_files, in_postgres, in_redis};

/// Something of an account in every service, each with the word in it.
async fn fill(all: &Processes, account: &Account, word: &str) {
    let bearer = |request: reqwest::RequestBuilder| request.bearer_auth(&account.token);
    let profile = json!({"display_name": format!("Coach {word}"), "bio": word});
    let url = all.url(Service::CreatorHub, "/v1/profile");
    call(bearer(all.http.put(url).json(&profile)), StatusCode::OK).await;

    let text = format!("# Rest\n\nThe word of {word} is to sleep eight hours every night.\n");
    let file = Part::bytes(text.into_bytes()).file_name(format!("{word}.md"));
    let form = Form::new()
        .text("title", format!("Guide {word}"))
        .part("file", file);
    let url = all.url(Service::CreatorHub, "/v1/documents");
    let made = bearer(all.http.post(url).multipart(form));
    let made = call(made, StatusCode::ACCEPTED).await;
    let id = made["document"]["id"].as_str().unwrap();
    let path = format!("/v1/documents/{id}");
    let url = all.url(Service::CreatorHub, &path);
    let mut state = Value::Null;
    for _ in 0..300 {
        let document = call(bearer(all.http.get(&url)), StatusCode::OK).await;
        state = document["state"].clone();
        if state == "ready" || state == "failed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(state, "ready");

    let question = json!({"question": "How long should I sleep?", "mode": "extractive"});
    let url = all.url(Service::AiEngine, "/v1/answers");
    let answer = bearer(all.http.post(url).json(&question))
        .send()
        .await
        .unwrap();
    assert!(answer.text().await.unwrap().contains("done"));

    let channel = json!({
        "kind": "web_widget", "name": format!("Site {word}"),
        "widget": {"allowed_origins": ["https://www.example.com"]},
    });
    let url = all.url(Service::Channel, "/v1/channels");
    let channel = call(
        bearer(all.http.post(url).json(&channel)),
        StatusCode::CREATED,
    )
    .await;
    let id = channel["id"].as_str().unwrap();
    talk(all, account, id, word).await;
    let visit = all.url(Service::Channel, &format!("/v1/widget/{id}/sessions"));
    let visit = all.http.post(visit).json(&json!({}));
    let visit = visit.header("origin", "https://www.example.com");
    call(visit, StatusCode::CREATED).await;

    fill_auth(all, account, word).await;
}

/// A second factor, an invite with its email, a consent, a second session, a visitor's session, and
/// a request that can be repeated.
async fn fill_auth(all: &Processes, account: &Account, word: &str) {
    let post = |service, path: &str, body: Value| {
        let request = all.http.post(all.url(service, path)).json(&body);
        request.bearer_auth(&account.token)
    };
    let key = json!({"name": format!("Key {word}"), "scopes": ["documents:read"]});
    let key = post(Service::Auth, "/v1/api-keys", key).header("idempotency-key", word);
    call(key, StatusCode::CREATED).await;
    let invite = json!({"email": format!("guest-{word}@example.com"), "role": "viewer"});
    call(
        post(Service::Auth, "/v1/invites", invite),
        StatusCode::CREATED,
    )
    .await;
    let consent = json!({"purpose": "marketing", "version": "1", "granted": true});
    let consent = post(Service::Auth, "/v1/me/consents", consent);
    call(consent, StatusCode::NO_CONTENT).await;
    let login = json!({"email": account.email, "password": PASSWORD});
    call(post(Service::Auth, "/v1/login", login), StatusCode::OK).await;
    let admin = all.database.admin().await;
    for sql in [
        "insert into auth.totp (creator_id, user_id, secret, confirmed_at)
         select creator_id, id, 's1.x.y', now() from auth.users where creator_id = $1 limit 1",
        "insert into auth.recovery_codes (creator_id, user_id, code_hash)
         select creator_id, id, sha256('code') from auth.users where creator_id = $1 limit 1",
    ] {
        let query = sqlx::query(sql).bind(account.creator);
        query.execute(&admin).await.unwrap();
    }
}

/// A conversation as channel would have written it.
async fn talk(all: &Processes, account: &Account, channel: &str, word: &str) {
    let admin = all.database.admin().await;
    let (contact, conversation) = (Uuid::now_v7(), Uuid::now_v7());
    let creator = account.creator.as_uuid();
    let channel: Uuid = channel.parse().unwrap();
    for (sql, ids) in [
        (
            "insert into channel.contacts (creator_id, id, channel_id) values ($1, $2, $3)",
            [creator, contact, channel, contact],
        ),
        (
            "insert into channel.conversations (creator_id, id, channel_id, contact_id, last_seq)
             values ($1, $2, $3, $4, 1)",
            [creator, conversation, channel, contact],
        ),
    ] {
        let mut query = sqlx::query(sql);
        for id in &ids[..if sql.contains("$4") { 4 } else { 3 }] {
            query = query.bind(*id);
        }
        query.execute(&admin).await.unwrap();
    }
    sqlx::query(
        "insert into channel.messages (creator_id, id, conversation_id, seq, role, content)
         values ($1, $2, $3, 1, 'user', $4)",
    )
    .bind(creator)
    .bind(Uuid::now_v7())
    .bind(conversation)
    .bind(format!("Hello {word}"))
    .execute(&admin)
    .await
    .unwrap();
}

/// A word that stands nowhere else.
fn random_word() -> String {
    format!("w{}", Uuid::new_v4().simple())
}

/// What an account is known by beside its name: the ids of its people and conversations, and the
/// hashes of its email addresses, as text and as bytes. They are noted before an erasure.
async fn marks(all: &Processes, account: &Account) -> Vec<String> {
    let admin = all.database.admin().await;
    let marks: Vec<String> = sqlx::query_scalar(
        "select id::text from auth.users where creator_id = $1
         union all select id::text from channel.conversations where creator_id = $1
         union all select id::text from channel.contacts where creator_id = $1
         union all select id::text from auth.sessions where creator_id = $1
         union all select encode(sha256(convert_to(email, 'UTF8')), 'hex') from auth.users
           where creator_id = $1
         union all select email from auth.users where creator_id = $1
         union all select email from auth.invites where creator_id = $1",
    )
    .bind(account.creator)
    .fetch_all(&admin)
    .await
    .unwrap();
    assert!(marks.len() >= 6, "{marks:?}");
    marks
}

/// Every trace of an account in the stores, but for the revocation that shuts its tokens out until
/// the last one has expired.
async fn traces(all: &Processes, account: &Account, word: &str, marks: &[String]) -> Vec<String> {
    let creator = account.creator.to_string();
    let mut words = vec![word, creator.as_str()];
    words.extend(marks.iter().map(String::as_str));
    let admin = all.database.admin().await;
    let mut found = in_postgres(&admin, &words).await;
    found.retain(|trace| trace != "platform.revocations: 1");
    let keys = in_redis(&all.stores.redis, &words).await;
    let revocation = format!("{{{creator}}}:revoked:tenant");
    found.extend(keys.into_iter().filter(|key| !key.starts_with(&revocation)));
    found.extend(in_chroma(&all.http, &all.stores.chroma, &words).await);
    found.extend(in_files(all.uploads.path(), &words));
    found
}

/// How many traces of each kind there are, to compare.
async fn holdings(all: &Processes, account: &Account, word: &str) -> BTreeSet<String> {
    let found = traces(all, account, word, &[]).await.into_iter();
    // Limits come and go by themselves.
    found.filter(|trace| !trace.contains(":limit:")).collect()
}

async fn erasures(admin: &PgPool) -> Vec<Value> {
    let rows = sqlx::query("select report from auth.erasures")
        .fetch_all(admin)
        .await;
    let report = |row: &sqlx::postgres::PgRow| row.get::<Value, _>(0);
    rows.unwrap().iter().map(report).collect()
}

async fn until_erased(all: &Processes) -> Value {
    let admin = all.database.admin().await;
    for _ in 0..600 {
        if let Some(report) = erasures(&admin).await.pop() {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the erasure did not end");
}

async fn ask_erasure(all: &Processes, account: &Account) -> Value {
    let body = json!({"confirmation": account.creator.to_string(), "password": PASSWORD});
    let url = all.url(Service::Auth, "/v1/privacy/erasures");
    let request = all.http.post(url).bearer_auth(&account.token).json(&body);
    call(request, StatusCode::ACCEPTED).await
}

/// Asks for a copy and says where it is when it is there.
async fn exported(all: &Processes, account: &Account) -> String {
    let url = all.url(Service::Auth, "/v1/privacy/exports");
    let body = json!({"password": PASSWORD});
    let asked = all.http.post(&url).bearer_auth(&account.token).json(&body);
    let mut request = call(asked, StatusCode::ACCEPTED).await;
    let one = format!("{url}/{}", request["id"].as_str().unwrap());
    for _ in 0..300 {
        if request["state"] == "succeeded" {
            return format!("{one}/download");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        request = call(
            all.http.get(&one).bearer_auth(&account.token),
            StatusCode::OK,
        )
        .await;
    }
    panic!("the copy was not made: {request}");
}

#[tokio::test]
async fn a_copy_has_something_of_every_service_and_no_secret() {
    let all = Processes::start().await;
    let mark = random_word();
    let ana = all.register(&mark).await;
    fill(&all, &ana, &mark).await;
    let other = random_word();
    let ben = all.register(&other).await;

    let download = exported(&all, &ana).await;
    let foreign = all.http.get(&download).bearer_auth(&ben.token);
    call(foreign, StatusCode::NOT_FOUND).await;
    let own = all.http.get(&download).bearer_auth(&ana.token).send().await;
    let copy = own.unwrap().text().await.unwrap();
    let lines = copy.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<ExportRecord> = lines.collect();
    assert_eq!(lines.last().unwrap().kind, "end");
    let with_word: BTreeSet<&str> = lines
        .iter()
        .filter(|line| {
            let encoded = line.data["content_base64"].as_str().unwrap_or_default();
            let file = BASE64_STANDARD.decode(encoded).unwrap();
            format!("{}{}", line.data, String::from_utf8_lossy(&file)).contains(&mark)
        })
        .map(|line| line.kind.as_str())
        .collect();
    for kind in [
        "auth.users",
        "auth.api_keys",
        "hub.creator_profiles",
        "hub.documents",
        "hub.files",
        "ai.indexed_documents",
        "ai.chunks",
        "channel.channels",
        "channel.messages",
    ] {
        assert!(with_word.contains(kind), "{kind} is missing: {with_word:?}");
    }
    let kinds: BTreeSet<&str> = lines.iter().map(|line| line.kind.as_str()).collect();
    assert!(kinds.contains("ai.generations"), "{kinds:?}");
    for secret in ["argon2", "password_hash", "token_hash", "key_hash", &other] {
        assert!(!copy.contains(secret), "the copy has {secret}");
    }
}

/// Neither a wrong confirmation nor a wrong password erases anything.
async fn refuses_mistakes(all: &Processes, account: &Account) {
    let url = all.url(Service::Auth, "/v1/privacy/erasures");
    let post = |body: Value| {
        let request = all.http.post(&url).bearer_auth(&account.token);
        request.json(&body)
    };
    let wrong = json!({"confirmation": "another", "password": PASSWORD});
    call(post(wrong), StatusCode::UNPROCESSABLE_ENTITY).await;
    let wrong = json!({"confirmation": account.creator, "password": "Not-the-1-password"});
    call(post(wrong), StatusCode::FORBIDDEN).await;
}

/// The request says which service it waits for.
async fn waits_for(all: &Processes, service: Service) {
    let admin = all.database.admin().await;
    let sql = "select progress->$1->>'waits_for' from auth.privacy_requests";
    for _ in 0..300 {
        let row = sqlx::query(sql).bind(service.name()).fetch_one(&admin);
        let named: Option<String> = row.await.unwrap().get(0);
        if named.as_deref() == Some(service.name()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not say that it waits for {service:?}");
}

/// The report has something of every service.
fn covers_all(report: &Value) {
    for (service, kind) in [
        ("auth", "auth.users"),
        ("auth", "auth.api_keys"),
        ("creator-hub", "hub.documents"),
        ("creator-hub", "hub.files"),
        ("ai-engine", "ai.chunks"),
        ("ai-engine", "chroma.vectors"),
        ("channel", "channel.messages"),
    ] {
        let count = report[service]["counts"][kind].as_u64();
        let some = count.is_some_and(|count| count >= 1);
        assert!(some, "{service} {kind}: {report}");
    }
}

#[tokio::test]
async fn an_erasure_leaves_no_trace_though_processes_die_and_spares_the_neighbour() {
    let mut all = Processes::start().await;
    let (mark, other) = (random_word(), random_word());
    let (ana, ben) = (all.register(&mark).await, all.register(&other).await);
    fill(&all, &ana, &mark).await;
    fill(&all, &ben, &other).await;
    let marks = marks(&all, &ana).await;
    let held = traces(&all, &ana, &mark, &marks).await;
    for kind in [
        "auth.totp",
        "auth.recovery_codes",
        "auth.invites",
        "auth.mail_outbox",
        "auth.sessions",
        "platform.consents",
        "platform.idempotency_keys",
        "channel.messages",
    ] {
        let is_held = held.iter().any(|trace| trace.starts_with(kind));
        assert!(is_held, "{kind} has nothing to erase: {held:?}");
    }
    let neighbour = holdings(&all, &ben, &other).await;

    refuses_mistakes(&all, &ana).await;

    // One service is away: the request waits, and says for which.
    all.kill(Service::AiEngine);
    ask_erasure(&all, &ana).await;
    waits_for(&all, Service::AiEngine).await;
    // Whoever holds a token is shut out already.
    let me = all
        .http
        .get(all.url(Service::Auth, "/v1/me"))
        .bearer_auth(&ana.token);
    call(me, StatusCode::FORBIDDEN).await;

    // The one that does the work dies, too, and another goes on.
    all.kill(Service::Auth);
    all.run(Service::AiEngine);
    all.run(Service::Auth);
    all.ready(Service::AiEngine).await;
    all.ready(Service::Auth).await;
    covers_all(&until_erased(&all).await);

    assert_eq!(
        traces(&all, &ana, &mark, &marks).await,
        Vec::<String>::new()
    );
    assert_eq!(holdings(&all, &ben, &other).await, neighbour);
    let login = json!({"email": ana.email, "password": PASSWORD});
    let login = all
        .http
        .post(all.url(Service::Auth, "/v1/login"))
        .json(&login);
    call(login, StatusCode::UNAUTHORIZED).await;
    let me = all
        .http
        .get(all.url(Service::Auth, "/v1/me"))
        .bearer_auth(&ben.token);
    call(me, StatusCode::OK).await;
    nothing_is_left_to_erase(&all, &ana).await;
}

async fn nothing_is_left_to_erase(all: &Processes, account: &Account) {
    for service in [Service::CreatorHub, Service::AiEngine, Service::Channel] {
        let url = all.url(service, "/internal/v1/tenant-data");
        let token = all.auths_token(service, account.creator);
        let again = call(all.http.delete(&url).bearer_auth(token), StatusCode::OK).await;
        let counts = again.as_object().unwrap();
        assert!(
            !counts.is_empty() && counts.values().all(|count| *count == 0),
            "{again}"
        );
        // Nobody but auth may ask.
        let person = all.http.delete(&url).bearer_auth(&account.token);
        call(person, StatusCode::FORBIDDEN).await;
    }
}
