//! The client side of a widget's socket.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

/// Longest wait for a frame.
const FRAME_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) struct WidgetClient {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl WidgetClient {
    /// Connects as a page of that origin.
    pub(crate) async fn connect(
        address: SocketAddr,
        channel: &str,
        token: &str,
        since: i64,
        origin: &str,
    ) -> Result<Self, Error> {
        Self::connect_from(address, channel, token, since, &[("origin", origin)]).await
    }

    /// Connects with those headers; headers without a value are omitted.
    pub(crate) async fn connect_from(
        address: SocketAddr,
        channel: &str,
        token: &str,
        since: i64,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let url = format!(
            "ws://{address}/channels/v1/widget/{channel}/socket?token={token}&since={since}"
        );
        let mut request = url.into_client_request()?;
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream })
    }

    /// The next JSON frame.
    pub(crate) async fn next(&mut self) -> Value {
        match self.message().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a frame, not {other:?}"),
        }
    }

    /// All frames up to and including the first of that type.
    pub(crate) async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            let last = frame["type"] == kind;
            frames.push(frame);
            if last {
                return frames;
            }
        }
    }

    /// Skips frames until the first of that type.
    pub(crate) async fn skip_to(&mut self, kind: &str) -> Value {
        self.until(kind).await.pop().unwrap()
    }

    /// Skips frames until the close frame; returns its code.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Text(_)) => {}
                other => panic!("expected a close frame, not {other:?}"),
            }
        }
    }

    /// The next JSON frame, or the code of the close frame.
    pub(crate) async fn frame_or_close(&mut self) -> Result<Value, u16> {
        match self.message().await {
            Some(Message::Text(text)) => Ok(serde_json::from_str(&text).unwrap()),
            Some(Message::Close(Some(frame))) => Err(frame.code.into()),
            other => panic!("expected a frame or a close frame, not {other:?}"),
        }
    }

    /// Whether no frame arrives within that time.
    pub(crate) async fn is_quiet(&mut self, time: Duration) -> bool {
        timeout(time, self.stream.next()).await.is_err()
    }

    async fn message(&mut self) -> Option<Message> {
        loop {
            let message = timeout(FRAME_TIMEOUT, self.stream.next()).await;
            match message.expect("no frame arrived")?.expect("a valid frame") {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return Some(message),
            }
        }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    pub(crate) async fn send_json(&mut self, value: &Value) {
        self.send(Message::text(value.to_string())).await;
    }

    /// Asks a question; returns its client id.
    pub(crate) async fn ask(&mut self, content: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.ask_as(id, content).await;
        id
    }

    /// Asks a question with that client id.
    pub(crate) async fn ask_as(&mut self, id: Uuid, content: &str) {
        self.send_json(&json!({"type": "user_message", "client_msg_id": id, "content": content}))
            .await;
    }
}
