//! Another embedding model: the knowledge of an account is embedded again in the background, and
//! searched by the vectors of one model at any time.

use std::collections::BTreeSet;
use std::time::Duration;

use ai_engine_service::{AppState, Calibration, Caller, app as router, jobs};
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared_ai_client::{DocumentLanguages, QaPairCopy};
use shared_models::{CreatorId, DocumentId, QaPairId, Visibility};
use shared_testkit::TestClient;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::test_app::{Ended, HANDBOOK, TestApp, document_path, reembed};
use crate::test_documents::{SECOND, vectors};
use crate::test_qa_pairs::send;

const OLD: &str = "all-minilm";
/// Its vectors are as long as those of the other: only the model tells them apart.
const NEW: &str = "multilingual-e5-small";
/// Has no word of the handbook's passage about naps.
const BY_MEANING: &str = "Is it good to doze off briefly after lunch?";
const NAPS: &str = "# Naps\n\nA nap of twenty minutes refreshes you without making you drowsy.\n";

/// Questions that are asked while the old model's vectors are searched.
const ASKED_MEANWHILE: [&str; 4] = [
    BY_MEANING,
    "twenty kilograms of honey",
    "ghrelin",
    "What is the right duration of a short daytime sleep?",
];

/// What the similarities of the new model mean, measured once for all tests.
async fn new_calibration(state: &AppState) -> Option<Calibration> {
    static MEASURED: OnceCell<Option<Calibration>> = OnceCell::const_new();
    let measure = || async { state.embedder.calibrate().await.unwrap().cloned() };
    MEASURED.get_or_init(measure).await.clone()
}

/// Another process of the same platform, with that model.
async fn process(app: &TestApp, model: &str) -> AppState {
    let mut config = app.config.clone();
    model.clone_into(&mut config.engines.embedding_model);
    let state = AppState::new(config).unwrap();
    state.verifier.replace_keys(&app.mint.key_set());
    // The real model answers one test at a time: what was asked once, waits for no other test.
    for question in ASKED_MEANWHILE {
        app.state
            .embedder
            .embed_query(Caller::PLATFORM, question)
            .await
            .unwrap();
    }
    let calibration = if model == NEW {
        Box::pin(new_calibration(&state)).await
    } else {
        app.state.embedder.calibrate().await.unwrap().cloned()
    };
    state.embedder.set_calibration(calibration);
    state
}

fn owner(app: &TestApp, state: &AppState) -> TestClient {
    TestClient::new(router(state.clone())).with_token(&app.mint.owner(app.tenant))
}

/// Searches, and again if Ollama was still loading the model when the time for a vector had passed:
/// a model that is not there fails at once.
async fn search(app: &TestApp, state: &AppState, query: &str) -> Value {
    let body = json!({"query": query});
    for _ in 0..10 {
        let answer = owner(app, state).post("/ai-engine/v1/search", &body).await;
        let found = answer.expect(StatusCode::OK);
        let without_vectors = json!("no_vectors");
        let degraded = found["degraded"].as_array().unwrap();
        let is_slow = found["processing_time_ms"].as_u64().unwrap() > 5_000;
        if !(is_slow && degraded.contains(&without_vectors)) {
            return found;
        }
    }
    panic!("the model was not loaded in time");
}

async fn index_state(app: &TestApp, state: &AppState) -> Value {
    let answer = owner(app, state).get("/ai-engine/v1/index").await;
    answer.expect(StatusCode::OK)
}

fn documents(found: &Value) -> BTreeSet<String> {
    let results = found["results"].as_array().unwrap().iter();
    results
        .map(|source| source["document_id"].as_str().unwrap().to_owned())
        .collect()
}

/// The models that have vectors of a document.
async fn models_of(app: &TestApp, tenant: CreatorId, document: DocumentId) -> BTreeSet<String> {
    let found = app.state.vectors.ids_of_document(tenant, document).await;
    let family = |name: &str| {
        let [old, new] = [OLD, NEW].map(|model| name.contains(model));
        assert!(old != new, "{name}");
        if old { OLD } else { NEW }
    };
    let names = found.unwrap().into_iter();
    names.map(|(name, _)| family(&name).to_owned()).collect()
}

/// How many vectors the new model has made of a document.
async fn vectors_by_new(app: &TestApp, document: DocumentId) -> usize {
    let found = app.state.vectors.ids_of_document(app.tenant, document);
    let found = found.await.unwrap().into_iter();
    let by_new = found.filter(|(name, _)| name.contains(NEW));
    by_new.map(|(_, ids)| ids.len()).sum()
}

fn models(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Finds the accounts that need it, and enqueues their jobs.
async fn find_accounts(app: &TestApp, state: &AppState) {
    let admin = app.database.admin().await;
    let due = "update platform.schedules set next_run_at = now()";
    sqlx::query(due).execute(&admin).await.unwrap();
    let runner = jobs::reembedding_runner(state);
    runner.register_schedules().await.unwrap();
    let stop = CancellationToken::new();
    while runner.scheduled_step(&stop).await.unwrap() {}
}

/// Runs the job of the account once, as far as it comes.
async fn step(state: &AppState) -> bool {
    let runner = jobs::reembedding_runner(state);
    runner.step(&CancellationToken::new()).await.unwrap()
}

/// Deletes the old vectors without waiting until no search can use them.
async fn delete_leftovers(app: &TestApp, state: &AppState) {
    let admin = app.database.admin().await;
    let old = "update ai.vector_models set leftovers_since = leftovers_since - interval '1 hour'";
    sqlx::query(old).execute(&admin).await.unwrap();
    app.hurry().await;
    assert!(step(state).await, "the job of the account goes on");
}

#[tokio::test]
async fn old_documents_are_found_by_meaning_before_during_and_after_the_change() {
    let app = TestApp::new().await;
    let document = app.index(app.tenant, NAPS).await;
    let new = process(&app, NEW).await;
    let before = search(&app, &new, BY_MEANING).await;
    assert_eq!(before["degraded"], json!(["reembedding"]));
    assert_eq!(before["results"][0]["heading"], "Naps", "{before}");
    // The question goes to the model that has made the vectors, and to no other.
    let times_asked = |model| {
        let texts = app.ollama.texts_of(model).into_iter();
        texts.filter(|text| text.contains(BY_MEANING)).count()
    };
    assert_eq!((times_asked(OLD), times_asked(NEW)), (2, 0));
    let state = index_state(&app, &new).await;
    let expected = json!({
        "state": "reembedding", "model": OLD, "next_model": NEW,
        "documents": {"done": 0, "total": 1}, "questions": {"done": 0, "total": 0},
    });
    assert_eq!(state, expected);

    find_accounts(&app, &new).await;
    find_accounts(&app, &new).await;
    assert!(step(&new).await);
    assert!(!step(&new).await, "one job for the account");
    let after = search(&app, &new, BY_MEANING).await;
    assert_eq!(after["degraded"], json!([]));
    assert_eq!(after["results"][0]["heading"], "Naps", "{after}");
    assert_eq!((times_asked(OLD), times_asked(NEW)), (2, 1));
    let state = index_state(&app, &new).await;
    let expected = json!({
        "state": "current", "model": NEW,
        "documents": {"done": 1, "total": 1}, "questions": {"done": 0, "total": 0},
    });
    assert_eq!(state, expected);

    // A search that began before the change still finds the old vectors.
    assert_eq!(
        models_of(&app, app.tenant, document).await,
        models(&[OLD, NEW])
    );
    delete_leftovers(&app, &new).await;
    assert_eq!(models_of(&app, app.tenant, document).await, models(&[NEW]));
    find_accounts(&app, &new).await;
    assert!(!step(&new).await, "nothing is left to do");
}

#[tokio::test]
async fn without_the_earlier_model_words_answer_and_say_why() {
    let app = TestApp::new().await;
    app.index(app.tenant, NAPS).await;
    let new = process(&app, NEW).await;
    app.ollama.lose_model(OLD);
    let found = search(&app, &new, "nap twenty minutes").await;
    assert_eq!(found["degraded"], json!(["no_vectors", "reembedding"]));
    assert_eq!(found["results"][0]["heading"], "Naps", "{found}");
    let found = search(&app, &new, BY_MEANING).await;
    assert_eq!(found["results"], json!([]), "no vectors of two models");
    reembed(&new).await;
    let found = search(&app, &new, BY_MEANING).await;
    assert_eq!(found["degraded"], json!([]));
    assert_eq!(found["results"][0]["heading"], "Naps", "{found}");
}

/// A paragraph that no other document has.
fn text(name: &str) -> String {
    format!("# {name}\n\nThe {name} of the garden is watered on Tuesday by the neighbour's son.\n")
}

#[tokio::test]
async fn documents_that_come_change_and_go_during_the_change_are_right_at_the_end() {
    let app = TestApp::new().await;
    let tenant = app.tenant;
    let deleted = app.index(tenant, &text("begonia")).await;
    let changed = app.index(tenant, &text("dahlia")).await;
    let kept = app.index(tenant, NAPS).await;
    let new = process(&app, NEW).await;
    find_accounts(&app, &new).await;
    // The job holds vectors of the document that is deleted meanwhile.
    app.ollama.hold_word("begonia");
    let before = app.ollama.batches();
    let working = tokio::spawn({
        let new = new.clone();
        async move { step(&new).await }
    });
    while app.ollama.batches() == before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let gone = app.hub(tenant).delete(&document_path(deleted)).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    app.ollama.release_word();
    assert!(working.await.unwrap());
    assert!(vectors(&app, tenant, deleted).await.is_empty());

    // A second change, with a document and a version that the process of the old model indexes,
    // and one that the process of the new model does.
    let back = process(&app, OLD).await;
    find_accounts(&app, &back).await;
    let ended = app.ingest(tenant, changed, 2, &text("fuchsia")).await;
    assert_eq!(ended, Ended::Indexed(1));
    let newer = process(&app, NEW).await;
    let added = DocumentId::new();
    app.enqueue(tenant, added, 1, SECOND).await;
    let runner = jobs::runner(&newer);
    assert!(runner.step(&CancellationToken::new()).await.unwrap());
    app.hurry().await;
    find_accounts(&app, &newer).await;
    while step(&newer).await {}
    delete_leftovers(&app, &newer).await;
    for document in [changed, kept, added] {
        assert_eq!(models_of(&app, tenant, document).await, models(&[NEW]));
    }
    let found = search(&app, &newer, "Who gives water to the fuchsia?").await;
    assert_eq!(found["degraded"], json!([]));
    assert_eq!(documents(&found), BTreeSet::from([changed.to_string()]));
    let found = search(
        &app,
        &newer,
        "How much honey do bees eat in the cold season?",
    )
    .await;
    assert!(documents(&found).contains(&added.to_string()), "{found}");
    assert!(documents(&search(&app, &newer, "begonia").await).is_empty());
}

#[tokio::test]
async fn a_new_document_is_found_by_words_until_the_change_is_complete() {
    let app = TestApp::new().await;
    app.index(app.tenant, NAPS).await;
    let new = process(&app, NEW).await;
    let added = DocumentId::new();
    app.enqueue(app.tenant, added, 1, SECOND).await;
    let runner = jobs::runner(&new);
    assert!(runner.step(&CancellationToken::new()).await.unwrap());
    assert_eq!(models_of(&app, app.tenant, added).await, models(&[NEW]));
    let found = search(&app, &new, "twenty kilograms of honey").await;
    assert_eq!(found["degraded"], json!(["reembedding"]));
    assert_eq!(documents(&found), BTreeSet::from([added.to_string()]));
    // It is not embedded a second time.
    let embedded = app.ollama.texts_of(NEW).len();
    reembed(&new).await;
    assert_eq!(app.ollama.texts_of(NEW).len(), embedded + 1);
    assert_eq!(search(&app, &new, "honey").await["degraded"], json!([]));
}

#[tokio::test]
async fn another_process_goes_on_where_one_died_and_keeps_its_vectors() {
    let app = TestApp::new().await;
    let document = app.index(app.tenant, HANDBOOK).await;
    let new = process(&app, NEW).await;
    let before = app.ollama.texts_of(NEW).len();
    find_accounts(&app, &new).await;
    app.ollama.allow_batches(app.ollama.batches() + 1);
    {
        let attempt = step(&new);
        tokio::pin!(attempt);
        let embedded = async {
            while vectors_by_new(&app, document).await < 8 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            _ = &mut attempt => panic!("the batches are not there yet"),
            () = embedded => {}
        }
    }
    app.ollama.allow_batches(usize::MAX);
    app.hurry().await;
    let during = search(&app, &new, "ghrelin").await;
    assert_eq!(during["degraded"], json!(["reembedding"]));
    let other = process(&app, NEW).await;
    while step(&other).await {}
    let texts = app.ollama.texts_of(NEW).split_off(before);
    let texts: Vec<_> = texts
        .iter()
        .filter(|text| text.contains("passage: "))
        .collect();
    let distinct: BTreeSet<_> = texts.iter().collect();
    assert_eq!(distinct.len(), 23);
    // Those of the batch that was complete; the one that was not may have been under way.
    for text in &texts[..8] {
        let times = texts.iter().filter(|other| *other == text).count();
        assert_eq!(times, 1, "{text}");
    }
    assert_eq!(index_state(&app, &other).await["state"], "current");
}

#[tokio::test]
async fn a_change_back_in_the_middle_keeps_the_old_vectors_and_embeds_nothing() {
    let app = TestApp::with_handbook().await;
    let second = app.index(app.tenant, SECOND).await;
    let new = process(&app, NEW).await;
    find_accounts(&app, &new).await;
    app.ollama.hold_word("hive");
    {
        let attempt = step(&new);
        tokio::pin!(attempt);
        let stopped = tokio::time::timeout(Duration::from_secs(5), &mut attempt).await;
        assert!(stopped.is_err(), "one document is held");
    }
    app.ollama.release_word();
    app.hurry().await;
    let back = process(&app, OLD).await;
    let embedded = app.ollama.texts_of(OLD).len();
    while step(&back).await {}
    find_accounts(&app, &back).await;
    while step(&back).await {}
    assert_eq!(app.ollama.texts_of(OLD).len(), embedded);
    delete_leftovers(&app, &back).await;
    assert_eq!(models_of(&app, app.tenant, second).await, models(&[OLD]));
    let found = search(&app, &back, "ghrelin").await;
    assert_eq!(found["degraded"], json!([]));
    assert_eq!(index_state(&app, &back).await["model"], OLD);
}

#[tokio::test]
async fn a_process_that_started_before_the_change_does_not_undo_it() {
    let app = TestApp::new().await;
    let document = app.index(app.tenant, NAPS).await;
    let new = process(&app, NEW).await;
    reembed(&new).await;
    app.hurry().await;
    // The replica of the old model has not ended yet.
    find_accounts(&app, &app.state).await;
    while step(&app.state).await {}
    assert_eq!(index_state(&app, &new).await["model"], NEW);
    assert!(models_of(&app, app.tenant, document).await.contains(NEW));
    let found = search(&app, &app.state, BY_MEANING).await;
    assert_eq!(found["results"][0]["heading"], "Naps", "{found}");
    assert_eq!(found["degraded"], json!(["reembedding"]));
}

#[tokio::test]
async fn pairs_keep_answering_while_their_questions_are_embedded_again() {
    let app = TestApp::new().await;
    let pair = QaPairCopy {
        id: QaPairId::new(),
        revision: 1,
        questions: vec!["How long should a nap last?".to_owned()],
        answer: "Twenty minutes.".to_owned(),
        visibility: Visibility::default(),
        collections: Vec::new(),
    };
    send(&app, app.tenant, &[&pair], &[]).await;
    assert!(app.step().await);
    app.index(app.tenant, SECOND).await;
    let new = process(&app, NEW).await;
    find_accounts(&app, &new).await;
    app.ollama.hold_word("hive");
    let question = ASKED_MEANWHILE[3];
    let working = tokio::spawn({
        let new = new.clone();
        async move { step(&new).await }
    });
    let during = search(&app, &new, question).await;
    assert_eq!(during["results"][0]["kind"], "qa_pair", "{during}");
    app.ollama.release_word();
    assert!(working.await.unwrap());
    let after = search(&app, &new, question).await;
    assert_eq!(after["results"][0]["kind"], "qa_pair", "{after}");
    assert_eq!(after["degraded"], json!([]));
    let questions = index_state(&app, &new).await["questions"].clone();
    assert_eq!(questions, json!({"done": 1, "total": 1}));
}

#[tokio::test]
async fn new_documents_and_questions_come_before_old_ones() {
    let app = TestApp::with_handbook().await;
    let new = process(&app, NEW).await;
    find_accounts(&app, &new).await;
    let added = DocumentId::new();
    app.enqueue(app.tenant, added, 1, SECOND).await;
    app.ollama.hold_word("hive");
    let before = app.ollama.batches();
    let indexing = tokio::spawn({
        let new = new.clone();
        async move { jobs::runner(&new).step(&CancellationToken::new()).await }
    });
    while app.ollama.batches() == before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let working = tokio::spawn({
        let new = new.clone();
        async move { step(&new).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(app.ollama.batches(), before + 1, "the old ones wait");
    app.ollama.release_word();
    assert!(indexing.await.unwrap().unwrap());
    assert!(working.await.unwrap());
    assert_eq!(index_state(&app, &new).await["state"], "current");
}

#[tokio::test]
async fn creator_hub_learns_which_documents_the_new_model_understands() {
    const GERMAN: &str = "# Schlaf\n\nWer regelmäßig schläft, lernt leichter und wird seltener \
        krank. Der Körper braucht jede Nacht sieben bis neun Stunden. Ein kurzer Mittagsschlaf von \
        zwanzig Minuten erfrischt, ohne dass man danach benommen ist.\n";
    let app = TestApp::new().await;
    let german = app.index(app.tenant, GERMAN).await;
    let english = app.index(app.tenant, HANDBOOK).await;
    let language = async |document: DocumentId| {
        let records = app.records(document.as_uuid()).await;
        records.last().unwrap().language.clone().unwrap()
    };
    let (found, other) = (language(german).await, language(english).await);
    assert_eq!(
        (found.name.as_str(), found.is_understood),
        ("German", false)
    );
    assert_eq!(
        (other.name.as_str(), other.is_understood),
        ("English", true)
    );
    let new = process(&app, NEW).await;
    reembed(&new).await;
    let admin = app.database.admin().await;
    let payload = "select payload from platform.jobs
                   where queue = 'creator-hub' and kind = 'record_languages'";
    let payload: Value = sqlx::query_scalar(payload).fetch_one(&admin).await.unwrap();
    let recorded: DocumentLanguages = serde_json::from_value(payload).unwrap();
    let mut understood: Vec<_> = recorded
        .documents
        .iter()
        .map(|known| (known.document, known.language.is_understood))
        .collect();
    understood.sort();
    let mut expected = vec![(german, true), (english, true)];
    expected.sort();
    assert_eq!(understood, expected);
}

#[tokio::test]
async fn documents_of_an_earlier_release_are_looked_at_and_not_embedded() {
    let app = TestApp::with_handbook().await;
    let admin = app.database.admin().await;
    for statement in [
        "update ai.indexed_documents set vectors_model = null, vectors_version = null",
        "delete from ai.vector_models",
    ] {
        sqlx::query(statement).execute(&admin).await.unwrap();
    }
    let embedded = app.ollama.embedded_texts();
    app.reembed().await;
    assert_eq!(app.ollama.embedded_texts(), embedded);
    assert_eq!(index_state(&app, &app.state).await["state"], "current");
}
