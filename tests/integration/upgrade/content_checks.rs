//! Is what people put in and said still there, and is what was begun finished?

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared_config::Service::{AiEngine, Auth, Channel, CreatorHub};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use uuid::Uuid;

use super::fixture::{Account, Conversation, Document, DocumentState};
use super::{Check, Upgraded, expect, same, send};

/// Longest wait for work that was begun before the upgrade.
const MAX_POLLS: usize = 120;

/// Each document that was at rest is as it was, and what was deleted is gone.
pub(super) async fn documents(up: &Upgraded) -> Check {
    for account in &up.fixture.accounts {
        for document in &account.documents {
            let (status, found) = read(up, account, document).await;
            match document.state {
                DocumentState::Ready => {
                    let about = [&found["state"], &found["version"], &found["chunk_count"]];
                    let expected = json!(["ready", document.version, document.chunks]);
                    same(&document.title, json!(about), expected)?;
                }
                DocumentState::Failed => {
                    same(&document.title, found["state"].as_str(), Some("failed"))?;
                }
                DocumentState::Deleted => {
                    same(&document.title, status, StatusCode::NOT_FOUND)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

async fn read(up: &Upgraded, account: &Account, document: &Document) -> (StatusCode, Value) {
    let path = format!("/v1/documents/{}", document.id);
    send(up.as_owner(account, Method::GET, CreatorHub, &path)).await
}

/// Each document that is ready is found by an exact word.
pub(super) async fn by_words(up: &Upgraded) -> Check {
    for account in &up.fixture.accounts {
        for document in account.ready() {
            search(up, account, document, &document.words, &document.words).await?;
        }
    }
    Ok(())
}

/// Each document that is ready is found by a question that shares no telling word with it.
pub(super) async fn by_meaning(up: &Upgraded) -> Check {
    for account in &up.fixture.accounts {
        for document in account.ready() {
            search(up, account, document, &document.meaning, &document.contains).await?;
        }
    }
    Ok(())
}

/// Until ai-engine has measured its embedding model, search goes by words.
async fn wait_until_calibrated(up: &Upgraded, account: &Account) {
    for _ in 0..MAX_POLLS {
        let request = up.as_owner(account, Method::GET, AiEngine, "/v1/models");
        let (status, models) = send(request).await;
        let is_known = models.to_string().contains(r#""state":"calibrated""#);
        // Without a session, the search says so itself.
        if is_known || status != StatusCode::OK {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

async fn search(
    up: &Upgraded,
    account: &Account,
    document: &Document,
    query: &str,
    contains: &str,
) -> Check {
    wait_until_calibrated(up, account).await;
    let body = json!({"query": query, "limit": 10});
    let request = up.as_owner(account, Method::POST, CreatorHub, "/v1/search");
    let found = expect(request.json(&body), 200, query).await?;
    let results = found["results"].as_array().cloned().unwrap_or_default();
    let id = document.id.to_string();
    let hit = |result: &Value| {
        let text = result["text"].as_str().unwrap_or_default();
        let text: Vec<_> = text.split_whitespace().collect();
        result["document_id"] == *id && text.join(" ").contains(contains)
    };
    let what = format!("{} by {query:?}", document.title);
    same(&what, results.iter().any(hit), true)
}

/// Documents that were waiting or half processed become ready and are found; a deletion that was
/// begun ends.
pub(super) async fn in_progress(up: &Upgraded) -> Check {
    let mut seen = [0; 2];
    for account in &up.fixture.accounts {
        for document in &account.documents {
            if document.state.in_progress() {
                seen[0] += 1;
                finished(up, account, document).await?;
                search(up, account, document, &document.words, &document.words).await?;
                search(up, account, document, &document.meaning, &document.contains).await?;
            } else if document.state == DocumentState::Erasing {
                seen[1] += 1;
                let found = read(up, account, document).await.0;
                same(&document.title, found, StatusCode::NOT_FOUND)?;
                erased(up, document.id).await?;
            }
        }
    }
    same("documents in progress, and deletions", seen, [3, 1])
}

async fn finished(up: &Upgraded, account: &Account, document: &Document) -> Check {
    let mut found = Value::Null;
    for _ in 0..MAX_POLLS {
        found = read(up, account, document).await.1;
        match found["state"].as_str() {
            Some("ready") => return Ok(()),
            Some("failed") => break,
            _ => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
    Err(format!("{} did not become ready: {found}", document.title))
}

/// Nothing of a deleted document is left in the database.
async fn erased(up: &Upgraded, document: Uuid) -> Check {
    let admin = up.all.database.admin().await;
    let query = "select (select count(*) from hub.documents where id = $1)
                      + (select count(*) from ai.chunks where document_id = $1)";
    let mut left = 1;
    for _ in 0..MAX_POLLS {
        let row = sqlx::query_scalar(query).bind(document);
        left = row
            .fetch_one(&admin)
            .await
            .map_err(|error| error.to_string())?;
        if left == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    same("rows of a deleted document", left, 0_i64)
}

/// A visitor goes on in the same conversation, and the creator reads it too.
pub(super) async fn conversations(up: &Upgraded) -> Check {
    let mut read = 0;
    for account in &up.fixture.accounts {
        let Some(talk) = &account.conversation else {
            continue;
        };
        read += 1;
        let session = resumed(up, talk).await?;
        let id = talk.id.to_string();
        same(
            "the conversation",
            session["conversation_id"].as_str(),
            Some(&*id),
        )?;
        same("the widget", &session["appearance"], &talk.appearance)?;
        let token = session["token"].as_str().unwrap_or_default();
        let path = format!("/v1/widget/{}/history", talk.channel);
        let history = up.request(Method::GET, Channel, &path);
        let history = history.bearer_auth(token).header("origin", &talk.origin);
        let history = expect(history, 200, "the visitor's history").await?;
        begins("the visitor's history", &messages(&history), &talk.messages)?;
        let path = format!("/v1/conversations/{id}/messages");
        let inbox = up.as_owner(account, Method::GET, Channel, &path);
        let mut inbox = messages(&expect(inbox, 200, &path).await?);
        inbox.sort_by_key(|message| message["seq"].as_i64());
        begins("the creator's view", &inbox, &talk.messages)?;
    }
    same("conversations", read, 2)
}

/// The conversation may have gone on.
fn begins(what: &str, found: &[Value], expected: &[Value]) -> Check {
    if found.starts_with(expected) {
        Ok(())
    } else {
        let difference = format!("{found:?} does not begin with {expected:?}");
        Err(format!("{what}: {difference}"))
    }
}

async fn resumed(up: &Upgraded, talk: &Conversation) -> Result<Value, String> {
    let path = format!("/v1/widget/{}/sessions", talk.channel);
    let open = up.request(Method::POST, Channel, &path);
    let open = open.json(&json!({"visitor_token": talk.visitor_token}));
    expect(open.header("origin", &talk.origin), 201, "a session").await
}

/// What the visitor's widget is told as the answer to a message.
async fn answer_to(up: &Upgraded, talk: &Conversation, seq: i64) -> Result<String, String> {
    let session = resumed(up, talk).await?;
    let token = session["token"].as_str().unwrap_or_default();
    let path = format!("/v1/widget/{}/socket?token={token}&since=0", talk.channel);
    let url = up.all.url(Channel, &path).replacen("http", "ws", 1);
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let mut request = url.into_client_request().map_err(|error| told(&error))?;
    let origin = talk.origin.parse().map_err(|_| "no origin")?;
    request.headers_mut().insert("origin", origin);
    let socket = connect_async(request).await;
    let (mut socket, _) = socket.map_err(|error| told(&error))?;
    let answer = async {
        while let Some(Ok(message)) = socket.next().await {
            let text = message.into_text().unwrap_or_default();
            let frame: Value = serde_json::from_str(&text).unwrap_or_default();
            if frame["type"] == "ai_response" && frame["reply_to"] == seq {
                return frame["content"].as_str().map(str::to_owned);
            }
        }
        None
    };
    let answer = tokio::time::timeout(Duration::from_mins(1), answer).await;
    let answer = answer.map_err(|_| "the open question: no answer")?;
    Ok(answer.unwrap_or_default())
}

/// A question that was open when the platform was stopped is answered when its visitor is back.
pub(super) async fn answers(up: &Upgraded) -> Check {
    let mut open = 0;
    for account in &up.fixture.accounts {
        let Some(talk) = &account.conversation else {
            continue;
        };
        let Some(unanswered) = &talk.unanswered else {
            continue;
        };
        open += 1;
        let answer = answer_to(up, talk, unanswered.seq).await?;
        if !answer.contains(&unanswered.contains) {
            return Err(format!("the open question: {answer:?}"));
        }
    }
    same("open questions", open, 1)
}

fn messages(page: &Value) -> Vec<Value> {
    let items = page["items"].as_array().into_iter().flatten();
    let parts = |item: &Value| {
        let (seq, role, content) = (&item["seq"], &item["role"], &item["content"]);
        json!({"seq": seq, "role": role, "content": content})
    };
    items.map(parts).collect()
}

/// A request that is repeated after the upgrade gets the answer of the first one.
pub(super) async fn repetition(up: &Upgraded) -> Check {
    for account in &up.fixture.accounts {
        if let Some(earlier) = &account.repeatable {
            let again = up.as_owner(account, Method::POST, Channel, "/v1/channels");
            let again = again.header("idempotency-key", &earlier.key);
            let again = again.header("content-type", "application/json");
            let again = again.body(earlier.body.clone());
            let made = expect(again, 201, "a repetition").await?;
            let id = earlier.id.to_string();
            same(
                "the channel of a repetition",
                made["id"].as_str(),
                Some(&*id),
            )?;
        }
    }
    Ok(())
}

/// A copy that was asked for is made, and has every file.
pub(super) async fn exports(up: &Upgraded) -> Check {
    let mut made = Vec::new();
    for account in &up.fixture.accounts {
        let Some(export) = &account.export else {
            continue;
        };
        made.push(export.finished);
        let path = format!("/v1/privacy/exports/{}", export.id);
        let mut state = Value::Null;
        for _ in 0..MAX_POLLS {
            let look = up.as_owner(account, Method::GET, Auth, &path);
            state = expect(look, 200, &path).await?["state"].clone();
            if state == "succeeded" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        same("an export", state.as_str(), Some("succeeded"))?;
        let copy = up.as_owner(account, Method::GET, Auth, &format!("{path}/download"));
        let copy = expect(copy, 200, "a copy").await?;
        let copy = copy.as_str().unwrap_or_default();
        let kinds = |kind: &str| copy.matches(&format!("\"kind\":\"{kind}\"")).count();
        same(
            "files of a copy",
            kinds("hub.files"),
            account.listed().count(),
        )?;
        same("the end of a copy", kinds("end"), 1)?;
    }
    same(
        "copies that were made, and were being made",
        made,
        vec![true, false],
    )
}
