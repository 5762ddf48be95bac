//! One tenant's questions and documents do not hold up another's. What counts is the order in which
//! the model serves them, not the time.

use std::time::{Duration, Instant};

use ai_engine_service::{Caller, Queues, jobs};
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared_ai_client::{AnswerMode, FellBackReason};
use shared_models::{CreatorId, DocumentId};
use shared_testkit::{Answer, TestClient};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::fake_ollama::{ChatScript, delta, done_line};
use crate::test_app::{HANDBOOK, TestApp, done, events, text};

const BUSY: &str = "How cold should my bedroom be?";
const OTHER: &str = "How cold should a bedroom be at night?";
/// As many as may wait.
const SHARE: usize = 20;
/// Questions that are sent together.
const GROUP: usize = 5;
/// Of the expected wait of a question in the mode `auto`.
const EXPECTED_WAIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than any of these tests.
const WHOLE_TEST_TIMEOUT: Duration = Duration::from_mins(5);

/// An app with one slot for answers, whose model answers only as many chats as it is allowed to.
async fn one_slot(change: impl FnOnce(&mut Queues)) -> TestApp {
    let app = TestApp::with_config(|config| {
        let queues = &mut config.engines.queues;
        queues.generation.slots = 1;
        queues.generation.queue = 2 * SHARE;
        queues.generation.queue_per_tenant = SHARE;
        queues.generation_patience = WHOLE_TEST_TIMEOUT;
        change(queues);
    })
    .await;
    app.index(app.tenant, HANDBOOK).await;
    let said = delta("Keep the bedroom cold.");
    app.ollama
        .script_chat(ChatScript::Chunks(vec![said, done_line()]));
    app
}

fn ask(app: &TestApp, tenant: CreatorId, question: &str, mode: &str) -> JoinHandle<Answer> {
    let body = json!({"question": question, "mode": mode, "passages": 1});
    spawn(app.owner(tenant), body)
}

fn spawn(client: TestClient, body: Value) -> JoinHandle<Answer> {
    tokio::spawn(async move { client.post("/ai-engine/v1/answers", &body).await })
}

/// Asks more questions of the busy tenant; the first task has the slot. Fewer are on their way at
/// once than the pool of the database has connections.
async fn ask_more(app: &TestApp, tasks: &mut Vec<JoinHandle<Answer>>, questions: usize) {
    for _ in 0..questions / GROUP {
        tasks.extend((0..GROUP).map(|_| ask(app, app.tenant, BUSY, "generative")));
        eventually("they wait or are refused", || {
            app.state.chat_bulkhead.waiting() + finished(tasks) == tasks.len() - 1
        })
        .await;
    }
}

fn finished(tasks: &[JoinHandle<Answer>]) -> usize {
    tasks.iter().filter(|task| task.is_finished()).count()
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_hundred_questions_of_a_tenant_delay_another_by_one_answer() {
    let app = one_slot(|_| {}).await;
    let other = CreatorId::new();
    app.index(other, HANDBOOK).await;
    app.ollama.allow_chats(0);
    let mut of_busy = vec![ask(&app, app.tenant, BUSY, "generative")];
    eventually("the slot is taken", || app.ollama.asked().len() == 1).await;
    ask_more(&app, &mut of_busy, 100).await;
    let waiting = || app.state.chat_bulkhead.waiting();
    assert_eq!((waiting(), finished(&of_busy)), (SHARE, 100 - SHARE));
    let of_other = ask(&app, other, OTHER, "generative");
    eventually("it is accepted", || waiting() == SHARE + 1).await;
    app.ollama.allow_chats(usize::MAX);
    assert_eq!(of_other.await.unwrap().status, StatusCode::OK);
    let mut answered = 0;
    for task in of_busy {
        let answer = task.await.unwrap();
        if answer.status == StatusCode::OK {
            answered += 1;
            continue;
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.code(), "overloaded");
        let wait: u64 = answer.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    assert_eq!(answered, 1 + SHARE, "what was accepted is answered");
    let asked = app.ollama.asked();
    let place = asked.iter().position(|question| question.contains(OTHER));
    assert_eq!(place, Some(1), "after the answer that was being written");
}

#[tokio::test]
async fn a_visitor_is_answered_before_the_waiting_questions_of_members() {
    let app = one_slot(|_| {}).await;
    app.ollama.allow_chats(0);
    let mut members = vec![ask(&app, app.tenant, BUSY, "generative")];
    eventually("the slot is taken", || app.ollama.asked().len() == 1).await;
    ask_more(&app, &mut members, SHARE).await;
    let waiting = || app.state.chat_bulkhead.waiting();
    assert_eq!(waiting(), SHARE);
    let visitor = app.owner(app.tenant);
    let visitor = visitor.with_header("visitor-id", "01890a5d-ac96-774b-bcce-b302099a8057");
    let body = json!({"question": OTHER, "mode": "generative", "passages": 1});
    let visitor = spawn(visitor, body);
    eventually("it takes a place", || {
        finished(&members) == 1 && waiting() == SHARE
    })
    .await;
    app.ollama.allow_chats(usize::MAX);
    assert_eq!(visitor.await.unwrap().status, StatusCode::OK);
    for task in members {
        task.await.unwrap();
    }
    assert!(app.ollama.asked()[1].contains(OTHER));
}

#[tokio::test]
async fn a_caller_that_leaves_gives_its_place_in_the_queue_to_others() {
    let app = one_slot(|_| {}).await;
    app.ollama.allow_chats(0);
    let first = ask(&app, app.tenant, BUSY, "generative");
    eventually("the slot is taken", || app.ollama.asked().len() == 1).await;
    let leaving = ask(&app, app.tenant, BUSY, "generative");
    let waiting = || app.state.chat_bulkhead.waiting();
    eventually("it waits", || waiting() == 1).await;
    leaving.abort();
    eventually("it has left", || waiting() == 0).await;
    app.ollama.allow_chats(usize::MAX);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    let next = ask(&app, app.tenant, OTHER, "generative").await.unwrap();
    assert_eq!(next.status, StatusCode::OK);
    assert_eq!(
        app.ollama.asked().len(),
        2,
        "the model was not asked for it"
    );
}

#[tokio::test]
async fn auto_quotes_at_once_if_the_expected_wait_is_above_its_limit_and_waits_otherwise() {
    let app = one_slot(|queues| queues.quote_after = EXPECTED_WAIT_TIMEOUT).await;
    let other = CreatorId::new();
    app.index(other, HANDBOOK).await;
    app.ollama.allow_chats(0);
    let measured = ask(&app, app.tenant, BUSY, "generative");
    eventually("the slot is taken", || app.ollama.asked().len() == 1).await;
    // An answer takes a moment, so that 17 of them take longer than the limit.
    tokio::time::sleep(Duration::from_millis(800)).await;
    app.ollama.allow_chats(1);
    assert_eq!(measured.await.unwrap().status, StatusCode::OK);
    let mut tasks = vec![ask(&app, app.tenant, BUSY, "generative")];
    eventually("the slot is taken again", || app.ollama.asked().len() == 2).await;
    ask_more(&app, &mut tasks, 3 * GROUP).await;
    let waiting = || app.state.chat_bulkhead.waiting();
    let of_other = ask(&app, other, OTHER, "auto");
    eventually("a question with a short wait waits", || {
        waiting() == 3 * GROUP + 1
    })
    .await;
    let quoted = ask(&app, app.tenant, OTHER, "auto");
    let quoted = timeout(EXPECTED_WAIT_TIMEOUT / 2, quoted).await;
    let quoted = quoted.unwrap().unwrap();
    let quoted = events(&quoted.text());
    assert!(text(&quoted).contains("between 16 and 18 degrees"));
    let last = done(&quoted);
    assert_eq!((last.mode, last.fell_back), (AnswerMode::Extractive, true));
    assert_eq!(last.fell_back_reason, Some(FellBackReason::Overloaded));
    app.ollama.allow_chats(usize::MAX);
    let generated = done(&events(&of_other.await.unwrap().text()));
    assert_eq!(generated.mode, AnswerMode::Generative);
    assert_eq!(generated.fell_back_reason, None);
    for task in tasks {
        assert_eq!(task.await.unwrap().status, StatusCode::OK);
    }
}

/// A text of many batches.
fn long_text() -> String {
    let chapter = |number| {
        let sentences = format!("Number {number} of the ships left the harbour at dawn. ");
        format!("# Chapter {number}\n\n{}\n\n", sentences.repeat(20))
    };
    (0..40).map(chapter).collect()
}

#[tokio::test]
async fn two_long_documents_of_a_tenant_delay_the_page_of_another_by_one_batch() {
    let app = TestApp::new().await;
    app.ollama.answer_at_once();
    app.ollama.allow_batches(0);
    for _ in 0..2 {
        app.enqueue(app.tenant, DocumentId::new(), 1, &long_text())
            .await;
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(jobs::runner(&app.state).run(stop.clone()));
    let waiting = || app.state.embedder.waiting_batches();
    eventually("both are being indexed", || waiting() == 1).await;
    let other = CreatorId::new();
    let page = "# Opening hours\n\nThe shop opens at noon.";
    let job = app.enqueue(other, DocumentId::new(), 1, page).await;
    eventually("a place is left for the page", || waiting() == 2).await;
    app.ollama.allow_batches(usize::MAX);
    eventually("the page is embedded", || place_of_page(&app).is_some()).await;
    assert!(place_of_page(&app) <= Some(8), "after the batch that ran");
    while app.job(other, &job).await.state != shared_jobs::JobState::Succeeded {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_document_is_not_embedded_while_questions_wait() {
    let app = TestApp::with_config(|config| config.engines.queues.questions.slots = 1).await;
    app.ollama.answer_at_once();
    app.ollama.hold_word("first");
    let embed = |text: &'static str| {
        let (embedder, caller) = (app.state.embedder.clone(), Caller::asking(app.tenant, true));
        tokio::spawn(async move { embedder.embed_query(caller, text).await.map(|_| ()) })
    };
    let first = embed("the first question");
    eventually("it is being embedded", || app.ollama.batches() == 1).await;
    let second = embed("the second question");
    eventually("it waits", || app.state.embedder.waiting_questions() == 1).await;
    let page = "# Opening hours\n\nThe shop opens at noon.";
    app.enqueue(CreatorId::new(), DocumentId::new(), 1, page)
        .await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(jobs::runner(&app.state).run(stop.clone()));
    // Long enough for a batch that does not give way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    app.ollama.release_word();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    eventually("the page is embedded", || place_of_page(&app).is_some()).await;
    assert_ne!(place_of_page(&app), Some(0), "before the questions");
    stop.cancel();
    running.await.unwrap();
}

/// The number of texts that were embedded before the page.
fn place_of_page(app: &TestApp) -> Option<usize> {
    let texts = app.ollama.texts_of("all-minilm");
    texts.iter().position(|text| text.contains("opens at noon"))
}
