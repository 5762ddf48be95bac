//! Splits a byte stream into lines: a network chunk is neither a line nor a whole character.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

/// Longest line that is accepted, bytes.
pub const MAX_LINE: usize = 1024 * 1024;

/// The stream broke, or a line grew too long.
#[derive(Debug, thiserror::Error)]
pub enum LineError<E> {
    /// The bytes below failed.
    #[error(transparent)]
    Stream(E),
    /// A line is longer than [`MAX_LINE`].
    #[error("a line is longer than {MAX_LINE} bytes")]
    TooLong,
}

/// Yields each line without its end; a last line without an end counts too.
pub fn lines<E>(
    chunks: impl Stream<Item = Result<Bytes, E>> + Unpin + Send,
) -> impl Stream<Item = Result<String, LineError<E>>> + Send
where
    E: Send,
{
    let start = (chunks, Vec::<u8>::new(), 0_usize, false);
    futures_util::stream::unfold(
        start,
        |(mut chunks, mut buffer, mut seen, mut ended)| async move {
            loop {
                if let Some(at) = memchr::memchr(b'\n', &buffer[seen..]) {
                    let rest = buffer.split_off(seen + at + 1);
                    let line = text(&buffer);
                    return Some((Ok(line), (chunks, rest, 0, ended)));
                }
                seen = buffer.len();
                if ended {
                    let line = (!buffer.is_empty()).then(|| text(&buffer))?;
                    return Some((Ok(line), (chunks, Vec::new(), 0, true)));
                }
                if buffer.len() > MAX_LINE {
                    return Some((Err(LineError::TooLong), (chunks, Vec::new(), 0, true)));
                }
                match chunks.next().await {
                    Some(Ok(chunk)) => buffer.extend_from_slice(&chunk),
                    Some(Err(error)) => {
                        return Some((
                            Err(LineError::Stream(error)),
                            (chunks, Vec::new(), 0, true),
                        ));
                    }
                    None => ended = true,
                }
            }
        },
    )
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end_matches(['\r', '\n'])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    async fn split(chunks: &[&[u8]]) -> Vec<String> {
        let chunks: Vec<Result<Bytes, Infallible>> = chunks
            .iter()
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        lines(futures_util::stream::iter(chunks))
            .map(Result::unwrap)
            .collect()
            .await
    }

    #[tokio::test]
    async fn a_character_split_over_two_chunks_stays_whole() {
        let text = "é\n".as_bytes();
        assert_eq!(split(&[&text[..1], &text[1..]]).await, ["é"]);
    }

    #[tokio::test]
    async fn two_lines_in_one_chunk_are_two_lines() {
        assert_eq!(split(&[b"a\r\nb\n", b"c"]).await, ["a", "b", "c"]);
        assert_eq!(split(&[b"\n\na\n"]).await, ["", "", "a"]);
    }

    #[tokio::test]
    async fn an_endless_line_is_an_error() {
        let chunk: Result<Bytes, Infallible> = Ok(Bytes::from(vec![b'a'; MAX_LINE + 1]));
        let more: Result<Bytes, Infallible> = Ok(Bytes::from_static(b"b"));
        let found: Vec<_> = lines(futures_util::stream::iter([chunk, more]))
            .collect()
            .await;
        assert!(matches!(found[..], [Err(LineError::TooLong)]));
    }
}
