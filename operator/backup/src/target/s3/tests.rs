//! What answers mean, and how an upload is cut.

use super::*;

#[test]
fn an_answer_is_full_missing_or_unavailable() {
    let code = |status, body: &str| refused("a part", status, body).code;
    let full = "<Error><Code>XMinioStorageFull</Code><Message>no</Message></Error>";
    assert_eq!(code(StatusCode::BAD_REQUEST, full), Code::TargetFull);
    assert_eq!(code(StatusCode::INSUFFICIENT_STORAGE, ""), Code::TargetFull);
    let no_bucket = "<Error><Code>NoSuchBucket</Code></Error>";
    assert_eq!(
        code(StatusCode::NOT_FOUND, no_bucket),
        Code::TargetUnavailable
    );
    let no_key = "<Error><Code>NoSuchKey</Code></Error>";
    assert_eq!(code(StatusCode::NOT_FOUND, no_key), Code::BackupTruncated);
    assert_eq!(code(StatusCode::FORBIDDEN, ""), Code::TargetUnavailable);
}

#[tokio::test]
async fn an_upload_is_cut_into_parts_and_knows_its_end() {
    let (sender, mut receiver) = crate::pieces::channel();
    let sending = tokio::spawn(async move {
        for _ in 0..25 {
            let piece = Bytes::from(vec![1; 1024 * 1024]);
            sender.send(Piece::Data(piece)).await.unwrap();
        }
        sender.send(Piece::End).await.unwrap();
    });
    let (first, has_ended) = next_part(&mut receiver).await.unwrap();
    assert_eq!((first.len(), has_ended), (PART_BYTES, false));
    let (second, has_ended) = next_part(&mut receiver).await.unwrap();
    assert_eq!((second.len(), has_ended), (1024 * 1024, true));
    sending.await.unwrap();
    let (sender, mut receiver) = crate::pieces::channel();
    drop(sender);
    let interrupted = next_part(&mut receiver).await;
    assert!(matches!(interrupted, Err(UploadError::Abandoned)));
}
