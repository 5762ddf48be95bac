//! Fake tenant data endpoints of the other services, with a fixed reply.

use std::sync::{Arc, Mutex};

use auth_service::Config;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use tokio::net::TcpListener;

/// The reply to every call.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, then the end of the body.
    Whole(&'static str),
    /// These bytes, then a broken connection.
    Breaks(&'static str),
    /// Bytes without a newline, without end.
    EndlessLine,
    /// No export, but this status.
    Status(StatusCode),
}

/// A complete export.
pub(crate) const COMPLETE: &str = concat!(
    "{\"kind\":\"hub.documents\", \"data\": {\"z\":1, \"a\":1.50}}\n",
    "{\"kind\":\"end\",\"data\":{\"hub.documents\":1}}\n"
);

#[derive(Debug)]
struct Script {
    reply: Reply,
    calls: usize,
}

/// All three services at one address.
#[derive(Debug, Clone)]
pub(crate) struct FakeTenantData {
    url: String,
    script: Arc<Mutex<Script>>,
}

impl FakeTenantData {
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script { reply, calls: 0 }));
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script }
    }

    /// Makes auth call the fake instead of the services.
    pub(crate) fn configure(&self, config: &mut Config) {
        let privacy = &mut config.privacy;
        privacy.creator_hub_url.clone_from(&self.url);
        privacy.ai_engine_url.clone_from(&self.url);
        privacy.channel_url.clone_from(&self.url);
    }

    /// The number of calls.
    pub(crate) fn calls(&self) -> usize {
        self.script.lock().unwrap().calls
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>) -> Response {
    let reply = {
        let mut script = script.lock().unwrap();
        script.calls += 1;
        script.reply.clone()
    };
    let text = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
    let body = match reply {
        Reply::Whole(lines) => Body::from(lines),
        Reply::Breaks(lines) => {
            let broken = stream::once(async {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                Err(std::io::Error::other("broken"))
            });
            Body::from_stream(stream::iter([text(lines)]).chain(broken))
        }
        Reply::EndlessLine => {
            let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
            Body::from_stream(stream::repeat_with(move || {
                Ok::<_, std::io::Error>(chunk.clone())
            }))
        }
        Reply::Status(status) => return status.into_response(),
    };
    body.into_response()
}
