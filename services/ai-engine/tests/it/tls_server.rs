//! A model server behind TLS whose certificate only a CA of this folder has signed.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use serde_json::json;

use crate::faulty_server::{chunk, ending};

/// The authority that signed the certificate.
pub(crate) const CA: &str = include_str!("tls/ca.pem");
/// Another one.
pub(crate) const OTHER_CA: &str = include_str!("tls/other-ca.pem");
const CERTIFICATE: &str = include_str!("tls/server.pem");
/// Of this server of a test, and of nothing else.
const KEY: &str = include_str!("tls/server.key");

/// Starts the server and returns its base URL. It lives as long as the process.
pub(crate) fn start() -> String {
    shared_rpc::http_client::install_tls_provider();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            // A client that does not trust the certificate ends the connection.
            std::thread::spawn(move || respond(config, stream.unwrap()).is_ok());
        }
    });
    url
}

/// Reads one request and answers it with a sentence.
fn respond(config: Arc<ServerConfig>, mut socket: TcpStream) -> std::io::Result<()> {
    let connection = ServerConnection::new(config);
    let mut connection = connection.map_err(std::io::Error::other)?;
    let mut stream = Stream::new(&mut connection, &mut socket);
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    // The body ends with the last message, which is the only one that says this.
    while !String::from_utf8_lossy(&request).contains("cite each one") {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..read]);
    }
    let body = chunk(&json!({"content": "Keep the bedroom cold."})) + &ending("stop");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
    let length = body.len();
    write!(stream, "{head}content-length: {length}\r\n\r\n{body}")?;
    stream.flush()
}
