//! How many sockets may be live: each bound is reached by real sockets, and the next one is
//! refused before its upgrade while others still connect.

use axum::http::StatusCode;
use channel_service::SocketCaps;
use serde_json::{Value, json};
use shared_models::CreatorId;
use shared_testkit::TokenMint;
use tokio_tungstenite::tungstenite::{Error, Message};
use uuid::Uuid;

use crate::engine::Engine;
use crate::talk::Talk;
use crate::world::{PAGE, World};

/// Bounds that are far above what a test opens.
const WIDE: SocketCaps = SocketCaps {
    visitor: 1_000,
    address: 1_000,
    channel: 1_000,
    account: 1_000,
    process: 1_000,
};

async fn world(caps: SocketCaps) -> World {
    let mint = TokenMint::new();
    let engine = Engine::start(&mint).await;
    let url = format!("http://{}", engine.address);
    World::with(mint, engine, &url, |config| config.sockets = caps).await
}

/// Connects a session's socket as the gateway would for that address.
async fn connect(world: &World, channel: &str, session: &Value, from: &str) -> Result<Talk, Error> {
    let token = session["token"].as_str().unwrap();
    let headers = [("origin", PAGE), ("x-forwarded-for", from)];
    let mut talk = Talk::connect_from(world.replica.address, channel, token, 0, &headers).await?;
    assert_eq!(talk.next().await["type"], "status");
    Ok(talk)
}

/// The problem document of a refused upgrade.
fn refused(outcome: Result<Talk, Error>) -> Value {
    let Err(Error::Http(response)) = outcome else {
        panic!("the upgrade was not refused");
    };
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["retry-after"], "10");
    assert_eq!(headers["access-control-allow-origin"], PAGE);
    let problem: Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
    assert_eq!(problem["code"], "too_many_sockets");
    problem
}

/// Waits until the places of closed sockets are free again.
async fn connect_soon(world: &World, channel: &str, session: &Value, from: &str) -> Talk {
    for _ in 0..100 {
        if let Ok(talk) = connect(world, channel, session, from).await {
            return talk;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no place became free");
}

#[tokio::test]
async fn a_visitor_has_so_many_sockets_and_another_visitor_connects() {
    let world = world(SocketCaps { visitor: 4, ..WIDE }).await;
    let channel = world.widget().await;
    let (session, other) = (world.session(&channel).await, world.session(&channel).await);
    let mut talks = Vec::new();
    for _ in 0..4 {
        talks.push(connect(&world, &channel, &session, "").await.unwrap());
    }
    let problem = refused(connect(&world, &channel, &session, "").await);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("visitor"), "{detail}");
    connect(&world, &channel, &other, "").await.unwrap();
    talks.pop();
    connect_soon(&world, &channel, &session, "").await;
}

#[tokio::test]
async fn an_address_has_so_many_sockets_whoever_its_visitors_are() {
    let world = world(SocketCaps { address: 5, ..WIDE }).await;
    let channel = world.widget().await;
    let mut talks = Vec::new();
    for number in 0..5 {
        let session = world.session(&channel).await;
        // One customer of IPv6 has all of these.
        let from = format!("2001:db8:1:2::{number}");
        talks.push(connect(&world, &channel, &session, &from).await.unwrap());
    }
    let session = world.session(&channel).await;
    let problem = refused(connect(&world, &channel, &session, "2001:db8:1:2:ffff::1").await);
    assert!(problem["detail"].as_str().unwrap().contains("address"));
    for other in ["2001:db8:1:3::1", "203.0.113.9"] {
        talks.push(connect(&world, &channel, &session, other).await.unwrap());
    }
    talks.remove(0);
    connect_soon(&world, &channel, &session, "2001:db8:1:2::9").await;
}

#[tokio::test]
async fn a_channel_and_an_account_have_so_many_sockets() {
    let caps = SocketCaps {
        channel: 3,
        account: 5,
        ..WIDE
    };
    let mut world = world(caps).await;
    let (first, second) = (world.widget().await, world.widget().await);
    let mut talks = Vec::new();
    for (channel, most) in [(&first, 3), (&second, 2)] {
        for number in 0..most {
            let session = world.session(channel).await;
            let from = format!("203.0.113.{number}");
            talks.push(connect(&world, channel, &session, &from).await.unwrap());
        }
    }
    for (channel, cap) in [(&first, "channel"), (&second, "account")] {
        let session = world.session(channel).await;
        let problem = refused(connect(&world, channel, &session, "203.0.113.99").await);
        assert!(
            problem["detail"].as_str().unwrap().contains(cap),
            "{problem}"
        );
    }
    world.creator = CreatorId::new();
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    connect(&world, &channel, &session, "203.0.113.99")
        .await
        .expect("another account is not concerned");
}

#[tokio::test]
async fn a_process_has_so_many_sockets_and_still_answers_requests() {
    let mut world = world(SocketCaps { process: 6, ..WIDE }).await;
    let mut talks = Vec::new();
    for number in 0..6 {
        world.creator = CreatorId::new();
        let channel = world.widget().await;
        let session = world.session(&channel).await;
        let from = format!("203.0.113.{number}");
        talks.push(connect(&world, &channel, &session, &from).await.unwrap());
    }
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let problem = refused(connect(&world, &channel, &session, "198.51.100.1").await);
    assert!(problem["detail"].as_str().unwrap().contains("process"));
    let list = world.owner().get("/channels/v1/channels").await;
    list.expect(StatusCode::OK);
    talks[0].ask("Do you still answer?").await;
    talks[0].find("ai_response").await;
}

#[tokio::test]
async fn sockets_with_a_bad_token_count_until_they_are_closed() {
    let world = world(SocketCaps { address: 2, ..WIDE }).await;
    let channel = world.widget().await;
    let bad = json!({"token": "nonsense"});
    let headers = [("origin", PAGE), ("x-forwarded-for", "203.0.113.7")];
    let mut held = Vec::new();
    for _ in 0..2 {
        let address = world.replica.address;
        let talk = Talk::connect_from(address, &channel, "nonsense", 0, &headers).await;
        // Its close frame is not answered, so the service waits for a moment.
        held.push(talk.unwrap());
    }
    refused(connect(&world, &channel, &bad, "203.0.113.7").await);
    let session = world.session(&channel).await;
    connect_soon(&world, &channel, &session, "203.0.113.7").await;
}

#[tokio::test]
async fn frames_in_a_loop_are_refused_before_they_reach_a_store() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    let id = Uuid::new_v4();
    talk.ask_as(id, "Once?").await;
    talk.find("ai_response").await;
    // The message is known: each repetition would cost a query and would count for no other limit.
    for _ in 0..120 {
        let again = json!({"type": "user_message", "client_msg_id": id, "content": "Once?"});
        talk.send(Message::text(again.to_string())).await;
    }
    let (mut acked, mut paced) = (0, Vec::new());
    let code = loop {
        match talk.frame_or_close().await {
            Ok(frame) if frame["type"] == "ack" => acked += 1,
            Ok(frame) => paced.push(frame),
            Err(code) => break code,
        }
    };
    assert_eq!(code, 1008);
    assert!((30..60).contains(&acked), "{acked} reached the database");
    assert_eq!(paced.len(), 50);
    assert_eq!(paced[0]["code"], "rate_limited");
    assert_eq!(paced[0]["client_msg_id"], json!(id));
    assert_eq!(paced[0]["retry_after"], 1);
}
