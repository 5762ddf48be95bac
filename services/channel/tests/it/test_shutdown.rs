//! The end of a process: sockets are told, answers finish, nothing is lost.

use std::time::{Duration, Instant};

use crate::engine::Play;
use crate::world::World;

#[tokio::test]
async fn sockets_are_closed_with_1012_within_ten_seconds() {
    let mut world = World::new().await;
    let channel = world.widget().await;
    let mut talks = Vec::new();
    for _ in 0..20 {
        let session = world.session(&channel).await;
        talks.push(world.talk(&channel, &session).await);
    }
    let began = Instant::now();
    world.replica.stop.cancel();
    for talk in &mut talks {
        assert_eq!(talk.close_code().await, 1012);
    }
    (&mut world.replica.drained).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn an_answer_in_the_making_is_finished_first() {
    let mut world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    world.engine.next(Play::slowly(
        "one two three four",
        Duration::from_millis(250),
    ));
    talk.ask("Count?").await;
    talk.find("ai_delta").await;
    world.replica.stop.cancel();
    assert_eq!(
        talk.find("ai_response").await["content"],
        "one two three four"
    );
    assert_eq!(talk.close_code().await, 1012);
    (&mut world.replica.drained).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_made_by_the_next_process() {
    let mut world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    world
        .engine
        .next(Play::slowly("never ends", Duration::from_secs(30)));
    talk.ask("Patience?").await;
    talk.find("ai_start").await;
    let began = Instant::now();
    world.replica.stop.cancel();
    assert_eq!(talk.close_code().await, 1012);
    (&mut world.replica.drained).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let next = world.another_replica().await;
    let mut talk = next.connect(&channel, &session, 1).await;
    let answer = talk.find("ai_response").await;
    assert_eq!(answer["content"], "You asked: Patience? [1]");
    assert_eq!(answer["reply_to"], 1);
}
