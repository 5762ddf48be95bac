//! The channel service against real PostgreSQL and Redis, over real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at faults"
)]

mod browser;
mod fake_ai_engine;
mod tcp_proxy;
mod test_admission;
mod test_answers;
mod test_app;
mod test_channels;
mod test_config;
mod test_conversations;
mod test_embedding;
mod test_faults;
mod test_hand_overs;
mod test_limits;
mod test_openapi;
mod test_originals;
mod test_page;
mod test_quotas;
mod test_redis_rights;
mod test_row_copies;
mod test_script;
mod test_sessions;
mod test_shutdown;
mod test_socket;
mod test_sockets;
mod test_stopped_answers;
mod test_suspension;
mod widget_client;
