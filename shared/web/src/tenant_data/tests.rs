//! What waits for a slow reader is bounded in bytes, lines have a longest length at both ends, and
//! a copy that is not complete never looks like one that is.

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use shared_models::tenant_data::{END, FILE_PIECE_BYTES};
use shared_models::{DocumentId, ExportRecord, FilePiece};

use super::*;

type Chunk = Result<Bytes, axum::Error>;

fn chunks(response: Response) -> impl Stream<Item = Chunk> {
    response.into_body().into_data_stream()
}

fn reader(response: Response) -> LineReader<impl Stream<Item = Chunk>> {
    LineReader::new(chunks(response))
}

fn reader_of(chunks: Vec<Vec<u8>>) -> LineReader<impl Stream<Item = Chunk>> {
    LineReader::new(stream::iter(chunks).map(|chunk| Ok(Bytes::from(chunk))))
}

/// A piece of a file, as large as they get.
fn piece(at: u64) -> FilePiece {
    FilePiece {
        document_id: DocumentId::new(),
        version: i32::MAX,
        filename: "n".repeat(255),
        size: u64::MAX,
        offset: at,
        content_base64: "A".repeat(FILE_PIECE_BYTES / 3 * 4),
    }
}

/// A line of exactly that length, newline included.
fn line_of(length: usize) -> Vec<u8> {
    let frame = "{\"kind\":\"t\",\"data\":\"\"}\n".len();
    format!(
        "{{\"kind\":\"t\",\"data\":\"{}\"}}\n",
        "x".repeat(length - frame)
    )
    .into_bytes()
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_the_writer_after_so_many_bytes() {
    let (mut lines, response) = NdjsonWriter::answer();
    let mut accepted = 0;
    let writer = async {
        loop {
            let line = piece(0);
            let length = serde_json::to_vec(&line).unwrap().len();
            lines.write("hub.files", &line).await.unwrap();
            accepted += length;
            assert!(accepted <= QUEUE_BYTES, "{accepted} bytes wait");
        }
    };
    // The clock is not the measure: the writer never becomes ready again.
    let stopped = tokio::time::timeout(std::time::Duration::from_millis(200), writer).await;
    assert!(stopped.is_err());
    assert!(accepted > QUEUE_BYTES / 2, "only {accepted} bytes wait");
    drop(response);
    let gone = lines.write("hub.files", &piece(0)).await;
    assert!(matches!(gone, Err(ExportError::NoReader)), "{gone:?}");
}

#[tokio::test]
async fn lines_come_as_they_were_written_and_the_last_one_counts_them() {
    let (mut lines, response) = NdjsonWriter::answer();
    let wide = format!("{{\"text\":\"{}\"}}", "é".repeat(400_000));
    let long = wide.clone();
    let writer = tokio::spawn(async move {
        lines.write("a", &json!({"text": "x\ny"})).await.unwrap();
        lines.write_json("b", &long).await.unwrap();
        lines.write("a", &Value::Null).await.unwrap();
        lines.end(Ok(())).await;
    });
    let mut reader = reader(response);
    let mut found = Vec::new();
    while let Some(line) = reader.next().await.unwrap() {
        let parsed: ExportRecord = serde_json::from_slice(line.text()).unwrap();
        assert_eq!(parsed.kind, line.kind());
        found.push(parsed.data);
    }
    writer.await.unwrap();
    let wide: Value = serde_json::from_str(&wide).unwrap();
    assert_eq!(found, [json!({"text": "x\ny"}), wide, Value::Null]);
}

#[tokio::test]
async fn what_is_passed_on_is_the_same_bytes_and_is_counted() {
    let text = b"{\"kind\":\"b\", \"data\": {\"z\":1,\"a\":1.50}}\n".to_vec();
    let mut source = reader_of(vec![text.clone()]);
    let line = source.next().await.unwrap().unwrap();
    let (mut lines, response) = NdjsonWriter::answer();
    lines.pass(&line).await.unwrap();
    lines.end(Ok(())).await;
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let end = b"{\"kind\":\"end\",\"data\":{\"b\":1}}\n";
    assert_eq!(body.unwrap(), [text, end.to_vec()].concat());
}

#[tokio::test]
async fn a_writer_refuses_a_line_that_is_too_long_and_says_so_in_the_copy() {
    let (mut lines, response) = NdjsonWriter::answer();
    let long = format!("\"{}\"", "x".repeat(MAX_LINE_BYTES));
    let refused = lines.write_json("hub.documents", &long).await;
    assert!(
        matches!(&refused, Err(ExportError::LineTooLong { kind, bytes })
            if kind == "hub.documents" && *bytes > MAX_LINE_BYTES),
        "{refused:?}"
    );
    lines.end(refused).await;
    let LineError::Failed(failure) = reader(response).next().await.unwrap_err() else {
        panic!("the reader is not told what failed");
    };
    assert_eq!(failure.code, ExportFailureCode::LineTooLong);
    assert!(
        failure.reason.contains("hub.documents"),
        "{}",
        failure.reason
    );
}

#[tokio::test]
async fn a_reader_takes_the_longest_line_and_none_that_is_longer() {
    let mut longest = reader_of(vec![line_of(MAX_LINE_BYTES)]);
    let line = longest.next().await.unwrap().unwrap();
    assert_eq!(line.text().len(), MAX_LINE_BYTES);

    let mut longer = reader_of(vec![line_of(MAX_LINE_BYTES + 1)]);
    let refused = longer.next().await;
    assert!(matches!(refused, Err(LineError::TooLong)), "{refused:?}");
}

#[tokio::test]
async fn a_line_without_an_end_is_refused_before_more_of_it_is_read() {
    let mut given = 0;
    let endless = stream::repeat_with(|| {
        given += 1;
        Chunk::Ok(Bytes::from(vec![b'x'; 64 * 1024]))
    });
    let refused = LineReader::new(endless).next().await;
    assert!(matches!(refused, Err(LineError::TooLong)), "{refused:?}");
    assert_eq!(given, MAX_LINE_BYTES / (64 * 1024));
}

#[tokio::test]
async fn lines_are_found_however_the_bytes_are_cut() {
    let text = concat!(
        "{\"kind\":\"a\",\"data\":1}\n",
        "{\"kind\":\"b\",\"data\":2}\n",
        "{\"kind\":\"end\",\"data\":{}}\n"
    )
    .as_bytes();
    for size in 1..=text.len() {
        let mut reader = reader_of(text.chunks(size).map(<[u8]>::to_vec).collect());
        let mut kinds = Vec::new();
        while let Some(line) = reader.next().await.unwrap() {
            kinds.push(line.kind().to_owned());
        }
        assert_eq!(kinds, ["a", "b"], "in chunks of {size}");
    }
}

#[tokio::test]
async fn a_copy_without_its_last_line_is_an_error() {
    let mut cut = reader_of(vec![b"{\"kind\":\"a\",\"data\":1}\n{\"kind\":\"e".to_vec()]);
    assert_eq!(cut.next().await.unwrap().unwrap().kind(), "a");
    let ended = cut.next().await;
    assert!(matches!(ended, Err(LineError::BrokeOff)), "{ended:?}");

    let mut wrong = reader_of(vec![b"{\"data\":1}\n".to_vec()]);
    let ended = wrong.next().await;
    assert!(matches!(ended, Err(LineError::Unreadable(_))), "{ended:?}");
}

#[tokio::test]
async fn a_writer_that_vanishes_breaks_the_body_off() {
    let (mut lines, response) = NdjsonWriter::answer();
    lines.write("a", &1).await.unwrap();
    drop(lines);
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    assert!(body.is_err(), "the answer looks complete: {body:?}");
}

#[tokio::test]
async fn the_reason_of_a_failure_reaches_a_reader_over_a_socket() {
    let route = axum::routing::get(|| async {
        let (mut lines, response) = NdjsonWriter::answer();
        tokio::spawn(async move {
            lines.write("a", &1).await.unwrap();
            let cause = sqlx::Error::Protocol("at db.internal".to_owned());
            lines.end(Err(ExportError::Database(cause))).await;
        });
        response
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", route);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let http = shared_rpc::http_client::new().unwrap();
    let answer = http.get(format!("http://{address}/")).send().await;
    let mut reader = LineReader::new(answer.unwrap().bytes_stream());
    assert_eq!(reader.next().await.unwrap().unwrap().kind(), "a");
    let ended = reader.next().await;
    let Err(LineError::Failed(failure)) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(failure.code, ExportFailureCode::Interrupted);
    assert!(!failure.reason.contains("internal"), "{}", failure.reason);
    server.abort();
}

#[tokio::test]
async fn nothing_follows_a_line_that_was_cut() {
    let (lines, response) = NdjsonWriter::answer();
    let mut lines = lines.with_patience(std::time::Duration::from_millis(50));
    let slow = loop {
        if let Err(error) = lines.write("hub.files", &piece(0)).await {
            break error;
        }
    };
    assert!(matches!(slow, ExportError::SlowReader), "{slow:?}");
    lines.end(Err(slow)).await;
    let mut text = Vec::new();
    let mut chunks = Body::into_data_stream(response.into_body());
    while let Some(Ok(chunk)) = chunks.next().await {
        text.extend_from_slice(&chunk);
    }
    assert!(text.len() <= QUEUE_BYTES, "{} bytes waited", text.len());
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("\"kind\":\"failed\""));
    assert!(!text.contains(&format!("\"kind\":\"{END}\"")));
}
