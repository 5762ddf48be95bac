//! The body of an answer: bounded while it arrives, and while it is unpacked.

use std::io::{self, Read as _, Write};

use flate2::read::MultiGzDecoder as GzReader;
use flate2::write::{MultiGzDecoder, ZlibDecoder};

use crate::failure::{FetchError, FetchFailure};
use crate::fetcher::Excess;

/// Bytes that are unpacked at once: what they grow to is bounded even so, but this thread has
/// others to serve.
const PIECE: usize = 4 * 1024;

/// A body that is being received.
pub(crate) struct Body {
    sink: Sink,
    excess: Excess,
}

enum Sink {
    Plain(Bounded),
    Gzip(MultiGzDecoder<Bounded>),
    Deflate(ZlibDecoder<Bounded>),
}

/// Bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let room = self.limit - self.bytes.len();
        self.bytes.extend_from_slice(&more[..more.len().min(room)]);
        if more.len() > room {
            self.is_full = true;
            return Err(io::Error::other("more than is allowed"));
        }
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Body {
    /// A body of at most `limit` bytes after unpacking, with that `Content-Encoding`.
    pub(crate) fn new(
        encoding: Option<&str>,
        limit: usize,
        excess: Excess,
    ) -> Result<Self, FetchError> {
        let bounded = Bounded {
            bytes: Vec::new(),
            limit,
            is_full: false,
        };
        let sink = match encoding
            .map(|name| name.trim().to_ascii_lowercase())
            .as_deref()
        {
            None | Some("" | "identity") => Sink::Plain(bounded),
            Some("gzip" | "x-gzip") => Sink::Gzip(MultiGzDecoder::new(bounded)),
            Some("deflate") => Sink::Deflate(ZlibDecoder::new(bounded)),
            Some(other) => {
                let cause = format!("encoded as {}", other.escape_debug());
                return Err(FetchError::new(FetchFailure::BadEncoding, cause));
            }
        };
        Ok(Self { sink, excess })
    }

    /// Adds what arrived. False when no more is wanted.
    pub(crate) async fn add(&mut self, chunk: &[u8]) -> Result<bool, FetchError> {
        for piece in chunk.chunks(PIECE) {
            let written = match &mut self.sink {
                Sink::Plain(sink) => sink.write_all(piece),
                Sink::Gzip(sink) => sink.write_all(piece),
                Sink::Deflate(sink) => sink.write_all(piece),
            };
            if let Err(error) = written {
                return self.overflow(&error);
            }
            tokio::task::consume_budget().await;
        }
        Ok(true)
    }

    fn overflow(&self, error: &io::Error) -> Result<bool, FetchError> {
        match self.excess {
            _ if !self.bounded().is_full => Err(FetchError::new(
                FetchFailure::BadEncoding,
                error.to_string(),
            )),
            Excess::Refused => Err(FetchFailure::TooLarge.into()),
            Excess::Cut => Ok(false),
        }
    }

    fn bounded(&self) -> &Bounded {
        match &self.sink {
            Sink::Plain(sink) => sink,
            Sink::Gzip(sink) => sink.get_ref(),
            Sink::Deflate(sink) => sink.get_ref(),
        }
    }

    /// All bytes, when nothing follows.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, FetchError> {
        let is_cut = self.bounded().is_full;
        let ended = match &mut self.sink {
            Sink::Plain(_) => Ok(()),
            Sink::Gzip(sink) => sink.try_finish(),
            Sink::Deflate(sink) => sink.try_finish(),
        };
        if let Err(error) = ended
            && !is_cut
        {
            let is_full = self.bounded().is_full;
            let failure = match (is_full, self.excess) {
                (false, _) => FetchFailure::CutOff,
                (true, Excess::Refused) => FetchFailure::TooLarge,
                (true, Excess::Cut) => return Ok(self.into_bytes()),
            };
            return Err(FetchError::new(failure, error.to_string()));
        }
        Ok(self.into_bytes())
    }

    fn into_bytes(mut self) -> Vec<u8> {
        let bounded = match &mut self.sink {
            Sink::Plain(sink) => sink,
            Sink::Gzip(sink) => sink.get_mut(),
            Sink::Deflate(sink) => sink.get_mut(),
        };
        std::mem::take(&mut bounded.bytes)
    }
}

/// Whether these are the first bytes of a gzip file.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Unpacks a gzip file of at most `limit` bytes.
pub fn gunzip(packed: &[u8], limit: usize) -> Result<Vec<u8>, FetchFailure> {
    let mut unpacked = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut reader = GzReader::new(packed).take(one_more);
    let read = reader.read_to_end(&mut unpacked);
    if unpacked.len() > limit {
        return Err(FetchFailure::TooLarge);
    }
    read.map_err(|_| FetchFailure::BadEncoding)?;
    Ok(unpacked)
}
