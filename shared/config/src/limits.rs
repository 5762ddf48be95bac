//! Bounds that the gateway and the services share. Each stands here once; `docs/limits.md` lists
//! them together with those that one service has alone.

use crate::Service;

/// The HTTP methods that the platform answers; the gateway and every service refuse all others.
///
/// A method becomes a label of metrics and a field of log lines. The caller chooses it, so only a
/// fixed list keeps the number of time series fixed.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// What metrics and log lines call a method outside of [`METHODS`].
pub const OTHER_METHOD: &str = "other";

/// Characters of a request's path that the gateway writes to its access log.
pub const LOGGED_PATH: u32 = 256;

/// Requests of one address that one replica of the gateway serves at the same time.
pub const CONNECTIONS_PER_ADDRESS: i32 = 200;
/// WebSocket connections and event streams of one address that one replica of the gateway holds
/// open. An office or a mobile network may share one address, and a widget connects when its chat
/// is opened.
pub const SOCKETS_PER_ADDRESS: i32 = 100;
/// WebSocket connections and event streams of all addresses that one replica of the gateway holds
/// open.
pub const SOCKETS_PER_GATEWAY: i32 = 2_000;
/// Connections that each worker process of the gateway has beyond those of sockets: sockets cannot
/// use up what ordinary requests need.
pub const RESERVED_CONNECTIONS: i32 = 4_096;

/// Answers of the chat model that one process of ai-engine has written at the same time. Ollama
/// itself runs one or a few.
pub const GENERATION_SLOTS: i32 = 4;
/// Questions that wait for one of them.
pub const GENERATION_QUEUE: i32 = 16;
/// Those of one account. Less than all, so that one account cannot fill the queue.
pub const GENERATION_QUEUE_PER_TENANT: i32 = 8;
/// The longest wait of a question that only the chat model may answer, seconds.
pub const GENERATION_QUEUE_SECONDS: i32 = 10;
/// A question in the mode `auto` that would wait longer is answered with quotations, seconds.
pub const QUOTE_AFTER_SECONDS: i32 = 2;
/// Questions that one process of ai-engine has embedded at the same time.
pub const EMBEDDING_SLOTS: i32 = 8;
/// Questions that wait for that.
pub const EMBEDDING_QUEUE: i32 = 64;
/// Those of one account.
pub const EMBEDDING_QUEUE_PER_TENANT: i32 = 32;
/// Documents that one process of ai-engine indexes at the same time. They take turns at the
/// embedding model, batch by batch, so more of them make none of them faster; they only keep large
/// documents from holding every place.
pub const INDEXED_DOCUMENTS: i32 = 8;

/// A path that is answered by an event stream (`text/event-stream`), as in the OpenAPI documents.
pub type StreamPath = (Service, &'static str);

/// Every path that is answered by an event stream. The gateway counts them together with
/// WebSocket connections, since both last for minutes.
pub const STREAMS: [StreamPath; 3] = [
    (Service::CreatorHub, "/v1/documents/{id}/events"),
    (Service::AiEngine, "/v1/answers"),
    (Service::AiEngine, "/v1/generations/{id}/events"),
];

/// Sockets that one process of channel accepts behind gateways of that budget: three quarters, so
/// that the service refuses with a reason before a gateway has no place left.
pub const fn sockets_per_process(sockets_per_gateway: i32) -> i32 {
    sockets_per_gateway / 4 * 3
}

/// The name that metrics and log lines have for a method.
pub fn method_name(method: &str) -> &'static str {
    let known = METHODS.into_iter().find(|known| *known == method);
    known.unwrap_or(OTHER_METHOD)
}
