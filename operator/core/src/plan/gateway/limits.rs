//! How much the gateway takes in: of one address, and of sockets so that requests have room.

use std::fmt::Write as _;

use shared_config::limits::{METHODS, RESERVED_CONNECTIONS, STREAMS};

use super::config::GatewayConfig;

/// Connections of nginx that one proxied request takes: the caller's, and the one to the service.
const CONNECTIONS_OF_A_REQUEST: i32 = 2;
/// File descriptors that one connection may need: its own, and a body that waits on the disk.
const FILES_OF_A_CONNECTION: i32 = 2;

/// What is counted, and by which key. A key that is empty is not counted.
const KEYS: &str = r#"
    # A customer of IPv6 owns a /64, so it counts as one address; IPv4 counts as it is, also in the
    # form that IPv6 has for it.
    map $binary_remote_addr $client_network {
        default $binary_remote_addr;
        "~^(?s)\x00{10}\xff\xff(?<network_v4>.{4})$" $network_v4;
        "~^(?s)(?<network_v6>.{8}).{8}$" $network_v6;
    }
    # A WebSocket connection or an event stream: open for minutes, where a request ends at once.
    map $uri $is_stream {
        default "";
@STREAMS@    }
    map "$http_upgrade$is_stream" $socket {
        default open;
        "" "";
    }
    map $socket $socket_network {
        default "";
        open $client_network;
    }
    map $limit_conn_status $limited_code {
        default rate_limited;
        REJECTED too_many_connections;
    }
    map $limit_conn_status $limited_detail {
        default "too many requests from this address";
        REJECTED "too many connections are open; close some or try again later";
    }
"#;

/// The size of a worker process: sockets take their budget at most, even when one process happens
/// to have all of them, and what is left is for requests.
pub(super) fn workers(config: &GatewayConfig) -> String {
    let connections = CONNECTIONS_OF_A_REQUEST * config.sockets + RESERVED_CONNECTIONS;
    let files = FILES_OF_A_CONNECTION * connections;
    format!("worker_rlimit_nofile {files};\n\nevents {{ worker_connections {connections}; }}\n")
}

/// Lines of a map from each known method to itself.
pub(super) fn methods() -> String {
    METHODS.iter().fold(String::new(), |mut lines, method| {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "        {method} {method};");
        lines
    })
}

/// The counters, which all worker processes share.
pub(super) fn zones(config: &GatewayConfig) -> String {
    let mut streams = String::new();
    for (service, path) in STREAMS {
        let pattern: Vec<_> = path.split('/').map(segment).collect();
        let (prefix, pattern) = (service.prefix(), pattern.join("/"));
        let _ = writeln!(streams, "        \"~^{prefix}{pattern}$\" stream;");
    }
    let mut text = KEYS.replace("@STREAMS@", &streams);
    let _ = write!(
        text,
        "    limit_req_zone $client_network zone=per_address:10m rate={}r/s;\n    \
         limit_req_status 429;\n    limit_req_log_level warn;\n    \
         limit_conn_zone $client_network zone=connections_per_address:10m;\n    \
         limit_conn_zone $socket_network zone=sockets_per_address:10m;\n    \
         limit_conn_zone $socket zone=sockets:32k;\n    \
         limit_conn_status 429;\n    limit_conn_log_level warn;\n",
        config.requests_per_second
    );
    text
}

/// A version or an id of a path may be any of its kind.
fn segment(text: &str) -> &str {
    match text {
        "v1" => "v[0-9]+",
        id if id.starts_with('{') => "[^/]+",
        plain => plain,
    }
}

/// How many connections there may be; locations inherit it.
pub(super) fn connections(config: &GatewayConfig) -> String {
    format!(
        "\n        limit_conn connections_per_address {};\n        \
         limit_conn sockets_per_address {};\n        \
         limit_conn sockets {};\n",
        config.connections_per_address, config.sockets_per_address, config.sockets
    )
}
