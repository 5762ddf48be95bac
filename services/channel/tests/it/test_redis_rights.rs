//! What the service's user may do in Redis, tried on the server with the rules of the operator.

use redis::{ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, cmd};
use shared_cache::{CacheSettings, Key};
use shared_models::{CreatorId, GenerationId};
use uuid::Uuid;

use crate::test_app::TestApp;

/// A connection as that user.
async fn connection(settings: &CacheSettings) -> redis::aio::MultiplexedConnection {
    let CacheSettings { host, port, .. } = settings;
    let (user, password) = (&settings.username, settings.password.expose());
    let address = match user.as_str() {
        "" => format!("redis://{host}:{port}"),
        user => format!("redis://{user}:{password}@{host}:{port}"),
    };
    let client = redis::Client::open(address).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

fn is_refused<T: FromRedisValue>(answer: RedisResult<T>) -> bool {
    let kind = answer.err().map(|error| error.kind());
    kind == Some(ErrorKind::Server(ServerErrorKind::NoPerm))
}

#[tokio::test]
async fn a_service_that_was_taken_over_undoes_nothing_of_the_others() {
    let app = TestApp::new().await;
    let prefix = &app.redis.prefix;
    let mut ours = connection(&app.config.cache).await;
    let mut root = connection(&app.redis).await;
    let tenant = CreatorId::new();
    let full = |key: Key| format!("{prefix}{key}");
    let revoked = full(Key::revoked("tenant", tenant.as_uuid()));
    for key in [
        revoked.clone(),
        full(Key::revocation_epoch()),
        full(Key::limit("login", "192.0.2.1:ana")),
        full(Key::limit("failed_logins", "192.0.2.1")),
        full(Key::answer_events(tenant, GenerationId::new())),
        full(Key::export_download(tenant)),
        "a-key-of-another-platform".to_owned(),
    ] {
        let written = cmd("SET").arg(&key).arg("1").exec_async(&mut root).await;
        written.unwrap();
        let set = cmd("SET").arg(&key).arg("2").to_owned();
        assert!(is_refused(set.query_async::<()>(&mut ours).await), "{key}");
        let deleted = cmd("DEL").arg(&key).query_async::<()>(&mut ours).await;
        assert!(is_refused(deleted), "{key}");
        let script = "return redis.call('SET', KEYS[1], '2')";
        let by_script = cmd("EVAL").arg(script).arg(1).arg(&key).to_owned();
        by_script.query_async::<()>(&mut ours).await.unwrap_err();
        let value: String = cmd("GET").arg(&key).query_async(&mut root).await.unwrap();
        assert_eq!(value, "1", "{key}");
    }
    let read: String = cmd("GET")
        .arg(&revoked)
        .query_async(&mut ours)
        .await
        .unwrap();
    assert_eq!(read, "1");
    for channel in [full(Key::revocations()), full(Key::signing_keys())] {
        let published = cmd("PUBLISH").arg(&channel).arg("{}").to_owned();
        assert!(
            is_refused(published.query_async::<()>(&mut ours).await),
            "{channel}"
        );
    }
    let woken = cmd("PUBLISH")
        .arg(full(Key::queue_wake("auth")))
        .arg("")
        .to_owned();
    woken.query_async::<()>(&mut ours).await.unwrap();
    for command in ["KEYS", "FLUSHALL", "CONFIG", "ACL", "FUNCTION", "SCAN"] {
        let answer = cmd(command).arg("*").query_async::<()>(&mut ours).await;
        assert!(answer.is_err(), "{command}");
    }
    let own = full(Key::limit("widget-session", &Uuid::now_v7().to_string()));
    cmd("SET")
        .arg(&own)
        .arg("1")
        .exec_async(&mut ours)
        .await
        .unwrap();
}
