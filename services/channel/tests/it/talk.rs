//! A widget's end of the socket.

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
const PATIENCE: Duration = Duration::from_secs(15);

/// A connected socket.
pub(crate) struct Talk {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Talk {
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

    /// Connects with those headers; one that is empty is left out.
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
            other => panic!("a frame was expected, not {other:?}"),
        }
    }

    /// Frames up to and with the first of that type.
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

    /// The first frame of that type, past all others.
    pub(crate) async fn find(&mut self, kind: &str) -> Value {
        self.until(kind).await.pop().unwrap()
    }

    /// The close code, past all other frames.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Text(_)) => {}
                other => panic!("a close was expected, not {other:?}"),
            }
        }
    }

    /// The next JSON frame, or the code of a close.
    pub(crate) async fn frame_or_close(&mut self) -> Result<Value, u16> {
        match self.message().await {
            Some(Message::Text(text)) => Ok(serde_json::from_str(&text).unwrap()),
            Some(Message::Close(Some(frame))) => Err(frame.code.into()),
            other => panic!("a frame or a close was expected, not {other:?}"),
        }
    }

    /// Whether nothing comes for so long.
    pub(crate) async fn is_quiet(&mut self, time: Duration) -> bool {
        timeout(time, self.stream.next()).await.is_err()
    }

    async fn message(&mut self) -> Option<Message> {
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await;
            match message.expect("nothing came")?.expect("a whole frame") {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return Some(message),
            }
        }
    }

    /// Sends any frame.
    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// Sends JSON.
    pub(crate) async fn say(&mut self, value: &Value) {
        self.send(Message::text(value.to_string())).await;
    }

    /// Asks a question; gives its client id.
    pub(crate) async fn ask(&mut self, content: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.ask_as(id, content).await;
        id
    }

    /// Asks a question with that client id.
    pub(crate) async fn ask_as(&mut self, id: Uuid, content: &str) {
        self.say(&json!({"type": "user_message", "client_msg_id": id, "content": content}))
            .await;
    }
}
