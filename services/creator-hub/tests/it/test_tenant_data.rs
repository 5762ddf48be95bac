//! The copy of a tenant's data: files come in pieces that are read while they are sent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use serde_json::Value;
use shared_config::Service;
use shared_models::FilePiece;
use shared_web::tenant_data::LineReader;

use crate::test_app::{TestApp, upload};

const COPY: &str = "/creator-hub/internal/v1/tenant-data";
const MIB: usize = 1024 * 1024;
/// A longest line of a file's piece, with its frame.
const LINE: usize = 80 * 1024;

/// Text of that length, in which no two pieces are the same.
fn text(length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length + 20);
    let mut number = 0_u64;
    while text.len() < length {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        write!(text, "{number:x} ").unwrap();
    }
    text.truncate(length);
    text
}

/// The body of the copy, of which nothing was read.
async fn copy(app: &TestApp) -> Body {
    let auth = app.mint.verifier(Service::Auth);
    let token = auth.signer().tenant_token(Service::CreatorHub, app.creator);
    let client = app.anonymous.with_token(&token.unwrap());
    let response = client.open(COPY).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body()
}

/// The pieces of every file by document, and the length of the longest line.
async fn pieces(body: Body) -> (BTreeMap<String, Vec<FilePiece>>, usize) {
    let mut lines = LineReader::new(body.into_data_stream());
    let (mut files, mut longest) = (BTreeMap::<_, Vec<_>>::new(), 0);
    while let Some(line) = lines.next().await.unwrap() {
        longest = longest.max(line.text().len());
        if line.kind() == "hub.files" {
            let mut line: Value = serde_json::from_slice(line.text()).unwrap();
            let piece: FilePiece = serde_json::from_value(line["data"].take()).unwrap();
            let document = piece.document_id.to_string();
            files.entry(document).or_default().push(piece);
        }
    }
    (files, longest)
}

/// The file that the pieces make, which must follow each other without gaps.
fn reassembled(pieces: &[FilePiece]) -> Vec<u8> {
    let mut file = Vec::new();
    for piece in pieces {
        assert_eq!(piece.offset, u64::try_from(file.len()).unwrap());
        file.extend(BASE64_STANDARD.decode(&piece.content_base64).unwrap());
    }
    assert_eq!(pieces[0].size, u64::try_from(file.len()).unwrap());
    file
}

#[tokio::test]
async fn files_come_in_pieces_that_make_the_same_files_again() {
    let app = TestApp::new().await;
    let mut uploaded = BTreeMap::new();
    for length in [1, 48 * 1024, 48 * 1024 + 1, 3 * MIB + 7] {
        let (name, content) = (format!("{length}.txt"), text(length));
        let answer = upload(&app.ana, &name, &content).await;
        let made = answer.expect(StatusCode::ACCEPTED);
        let id = made["document"]["id"].as_str().unwrap().to_owned();
        uploaded.insert(id, (name, content));
    }
    let (files, longest) = pieces(copy(&app).await).await;
    assert!(longest <= LINE, "a line has {longest} bytes");
    assert_eq!(files.len(), uploaded.len());
    for (id, (name, content)) in uploaded {
        let pieces = &files[&id];
        assert!(pieces.iter().all(|piece| piece.filename == name));
        assert!(reassembled(pieces) == content, "{name} differs");
        // Joined, the Base64 texts are that of the file.
        let joined: String = pieces.iter().map(|p| p.content_base64.as_str()).collect();
        assert!(BASE64_STANDARD.decode(joined).unwrap() == content);
    }
}

/// The largest file of the store.
fn stored(app: &TestApp) -> PathBuf {
    let files = app.files().into_iter();
    let largest = files.max_by_key(|path| path.metadata().unwrap().len());
    largest.unwrap()
}

/// Reads up to the first piece of a file; gives what was read, and the rest.
async fn until_a_piece(body: Body) -> (Bytes, BodyDataStream) {
    let mut chunks = body.into_data_stream();
    let mut read = Vec::new();
    while !read.windows(11).any(|part| part == b"\"hub.files\"") {
        read.extend(chunks.next().await.unwrap().unwrap());
    }
    (read.into(), chunks)
}

#[tokio::test]
async fn a_slow_reader_leaves_the_file_on_disk_and_not_in_memory() {
    let app = TestApp::new().await;
    let content = text(6 * MIB);
    let answer = upload(&app.ana, "slow.txt", &content).await;
    answer.expect(StatusCode::ACCEPTED);
    let (read, rest) = until_a_piece(copy(&app).await).await;
    // Whatever the service has in memory by now, it reads no more until we do.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut file = File::options().write(true).open(stored(&app)).unwrap();
    file.seek(SeekFrom::Start(u64::try_from(MIB).unwrap()))
        .unwrap();
    file.write_all(&vec![b'#'; 5 * MIB]).unwrap();

    let begun = stream::iter([Ok(read)]);
    let (files, _) = pieces(Body::from_stream(begun.chain(rest))).await;
    let found = reassembled(files.values().next().unwrap());
    assert!(found[..MIB] == content[..MIB], "the beginning differs");
    let ahead = found[MIB..].iter().filter(|byte| **byte != b'#').count();
    assert_eq!(ahead, 0, "bytes were read ahead of the reader");
}

#[tokio::test]
async fn a_file_that_was_cut_on_disk_breaks_the_copy_off() {
    let app = TestApp::new().await;
    let answer = upload(&app.ana, "cut.txt", &text(2 * MIB)).await;
    answer.expect(StatusCode::ACCEPTED);
    let (read, rest) = until_a_piece(copy(&app).await).await;
    let file = File::options().write(true).open(stored(&app)).unwrap();
    file.set_len(1).unwrap();
    let mut lines = LineReader::new(stream::iter([Ok(read)]).chain(rest));
    let ended = loop {
        match lines.next().await {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert!(ended.is_err(), "half a file looks like a whole one");
}
