//! The worker when all goes well, when it stops, and when it dies.

use std::time::Duration;

use serde_json::json;
use shared_ai_client::{IngestionEvent, TextKind};
use shared_config::Service;
use shared_jobs::lease;
use shared_testkit::TestClient;
use tokio::time::{Instant, sleep, timeout};

use crate::engine::{Reply, progress};
use crate::world::{DOCUMENTS, World, upload};

/// Waits until the document's state is one of them.
async fn until(client: &TestClient, id: &str, wanted: &[&str]) -> serde_json::Value {
    let path = format!("{DOCUMENTS}/{id}/status");
    let arrived = async {
        loop {
            let status = client.get(&path).await.json();
            if wanted.iter().any(|state| status["state"] == *state) {
                return status;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), arrived)
        .await
        .expect("the state is reached")
}

/// What these tests claim as workers that die.
const KINDS: [&str; 1] = ["ingest_document"];

#[tokio::test]
async fn an_upload_becomes_searchable() {
    let world = World::new().await;
    let id = world
        .uploaded("Sleep.md", "\u{feff}# Sleep\r\n\r\nBreathe.\r")
        .await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["stage"]),
        (&json!("pending"), &json!("queued"))
    );
    assert_eq!(
        (&status["progress"], &status["attempts"]),
        (&json!(0), &json!(0))
    );
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["stage"]),
        (&json!("ready"), &json!("done"))
    );
    assert_eq!(
        (&status["progress"], &status["attempts"]),
        (&json!(100), &json!(1))
    );
    assert_eq!(status["chunk_count"], 3);
    assert_eq!(status["error"], json!(null));

    let [asked] = &world.engine.asked()[..] else {
        panic!("one ingestion")
    };
    assert_eq!(
        (asked.creator, asked.document.to_string()),
        (world.creator, id)
    );
    assert_eq!(asked.ingestion.text, "# Sleep\n\nBreathe.\n");
    assert_eq!(asked.ingestion.title, "Sleep");
    assert_eq!(asked.ingestion.kind, TextKind::Markdown);
    assert_eq!(asked.ingestion.version, 1);
}

#[tokio::test]
async fn a_running_service_picks_an_upload_up_and_shows_how_far_it_is() {
    let world = World::new().await;
    let working = tokio::spawn(creator_hub_service::jobs::run(world.state.clone()));
    world.engine.reply(Reply::Stalls(vec![progress(1, 4)]));
    let id = world.uploaded("a.txt", "text").await;
    let status = until(&world.ana, &id, &["processing"]).await;
    assert_eq!(status["attempts"], 1);
    let begun = Instant::now();
    while world.status(&id).await["stage"] != "indexing" {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "it is being indexed"
        );
        sleep(Duration::from_millis(20)).await;
    }
    let other = world.uploaded("b.txt", "other").await;
    until(&world.ana, &other, &["ready"]).await;

    // Told to stop, it gives back what it holds, as if it had never been taken.
    world.stop.cancel();
    timeout(Duration::from_secs(5), working)
        .await
        .expect("it stops")
        .unwrap();
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("processing"), &json!(0))
    );
    let (state, stop) = world.replica();
    let working = tokio::spawn(creator_hub_service::jobs::run(state));
    let status = until(&world.ana, &id, &["ready"]).await;
    assert_eq!(status["attempts"], 1);
    stop.cancel();
    working.await.unwrap();
}

#[tokio::test]
async fn another_worker_takes_over_from_one_that_died() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    let dead = lease::claim(&world.db(), Service::CreatorHub, &KINDS)
        .await
        .unwrap()
        .unwrap();
    assert!(!world.run_one_job().await, "the lease holds");
    world
        .execute("update platform.jobs set lease_until = now() - interval '1 s'")
        .await;
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("ready"), &json!(2))
    );
    let mut tx = world.db().tenant(world.creator).await.unwrap();
    assert!(
        !lease::complete(&mut tx, &dead).await.unwrap(),
        "it comes too late"
    );
}

#[tokio::test]
async fn who_lost_the_lease_leaves_the_work_to_its_new_holder() {
    let world = World::new().await;
    world.engine.reply(Reply::Stalls(vec![]));
    let id = world.uploaded("a.txt", "text").await;
    let slow = tokio::spawn({
        let (state, stop) = (world.state.clone(), world.stop.clone());
        async move { creator_hub_service::jobs::runner(&state).step(&stop).await }
    });
    until(&world.ana, &id, &["processing"]).await;
    while world.engine.asked().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    world
        .execute("update platform.jobs set lease_until = now() - interval '1 s'")
        .await;
    world.work_off().await;
    assert_eq!(world.status(&id).await["state"], "ready");
    timeout(Duration::from_secs(10), slow)
        .await
        .expect("it notices")
        .unwrap()
        .unwrap();
    assert_eq!(world.status(&id).await["state"], "ready");
    assert_eq!(world.engine.asked().len(), 2);
}

#[tokio::test]
async fn a_lease_is_kept_while_ai_engine_is_slow() {
    let world = World::new().await;
    world.engine.reply(Reply::Stalls(vec![]));
    let id = world.uploaded("a.txt", "text").await;
    let working = tokio::spawn(creator_hub_service::jobs::run(world.state.clone()));
    until(&world.ana, &id, &["processing"]).await;
    world
        .execute("update platform.jobs set lease_until = now() + interval '4 s'")
        .await;
    sleep(Duration::from_secs(3)).await;
    let left = "select extract(epoch from lease_until - now())::int8 from platform.jobs";
    assert!(world.count(left).await > 20, "the lease was renewed");
    world.stop.cancel();
    working.await.unwrap();
}

#[tokio::test]
async fn a_text_that_kills_its_worker_fails_in_the_end() {
    let world = World::new().await;
    let id = world.uploaded("a.txt", "text").await;
    for _ in 0..8 {
        lease::claim(&world.db(), Service::CreatorHub, &KINDS)
            .await
            .unwrap()
            .expect("it is due");
        world
            .execute("update platform.jobs set lease_until = now() - interval '1 s'")
            .await;
    }
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["error"]["code"]),
        (&json!("failed"), &json!("interrupted"))
    );
    assert!(world.engine.asked().is_empty());
}

#[tokio::test]
async fn two_replicas_process_each_document_once() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(world.uploaded("a.txt", &format!("text {number}")).await);
    }
    let other = upload(&world.ben, "b.txt", b"another tenant's").await;
    assert_eq!(other.status, 202);
    let (state, stop) = world.replica();
    let one = tokio::spawn(creator_hub_service::jobs::run(world.state.clone()));
    let two = tokio::spawn(creator_hub_service::jobs::run(state));
    for id in &ids {
        until(&world.ana, id, &["ready"]).await;
    }
    let theirs = other.json()["document"]["id"].as_str().unwrap().to_owned();
    until(&world.ben, &theirs, &["ready"]).await;
    world.stop.cancel();
    stop.cancel();
    let (one, two) = tokio::join!(one, two);
    one.unwrap();
    two.unwrap();
    let asked = world.engine.asked();
    assert_eq!(asked.len(), 11);
    for asked in asked {
        let mine = ids.contains(&asked.document.to_string());
        assert_eq!(
            mine,
            asked.creator == world.creator,
            "the token names the document's tenant"
        );
    }
}

#[tokio::test]
async fn a_title_that_changes_under_work_is_what_is_cited_in_the_end() {
    let world = World::new().await;
    world
        .engine
        .reply(Reply::Lines(vec![IngestionEvent::Done { chunks: 1 }]));
    let id = world.uploaded("a.txt", "text").await;
    // The worker has read the old title, and the new one comes before it is done.
    world
        .engine
        .reply(Reply::Lines(vec![IngestionEvent::Done { chunks: 2 }]));
    world
        .execute(
            "create function hub.rename() returns trigger language plpgsql as $$
             begin new.title := 'Renamed'; return new; end $$",
        )
        .await;
    world
        .execute(
            "create trigger rename before update on hub.documents for each row
             when (old.state = 'processing' and new.state = 'ready') execute function hub.rename()",
        )
        .await;
    world.work_off().await;
    let status = world.status(&id).await;
    assert_eq!(
        (&status["state"], &status["chunk_count"]),
        (&json!("ready"), &json!(2))
    );
    let titles: Vec<_> = world
        .engine
        .asked()
        .into_iter()
        .map(|asked| asked.ingestion.title)
        .collect();
    assert_eq!(titles, ["a", "Renamed"]);
}
