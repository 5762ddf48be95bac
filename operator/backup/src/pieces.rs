//! Joins what blocks (sealing, tar, files) with what waits (the target): bytes go through a short
//! channel in pieces, so memory stays bounded whatever the size of the data.

use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes, BytesMut};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::format::Part;

/// Bytes of one piece.
const PIECE_BYTES: usize = 1024 * 1024;
/// Pieces that wait.
const PIECES: usize = 4;

/// A piece of a stream. A stream without [`Piece::End`] was interrupted.
#[derive(Debug)]
pub enum Piece {
    /// Bytes.
    Data(Bytes),
    /// There are no more.
    End,
}

/// A channel for pieces.
pub fn channel() -> (mpsc::Sender<Piece>, mpsc::Receiver<Piece>) {
    mpsc::channel(PIECES)
}

/// Lower-case hexadecimal.
fn hexadecimal(hash: Sha256) -> String {
    use std::fmt::Write as _;
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Sends what is written to it, and hashes it.
pub struct PieceWriter {
    sender: mpsc::Sender<Piece>,
    buffer: BytesMut,
    hash: Sha256,
    size: u64,
}

impl PieceWriter {
    /// A writer into that channel.
    pub fn new(sender: mpsc::Sender<Piece>) -> Self {
        Self {
            sender,
            buffer: BytesMut::with_capacity(PIECE_BYTES),
            hash: Sha256::new(),
            size: 0,
        }
    }

    /// Sends the rest and the end; what was written in all.
    pub fn finish(mut self) -> io::Result<Part> {
        self.send()?;
        let sent = self.sender.blocking_send(Piece::End);
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(Part {
            size: self.size,
            sha256: hexadecimal(self.hash),
        })
    }

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = self.buffer.split().freeze();
        self.hash.update(&piece);
        self.size += piece.len() as u64;
        let sent = self.sender.blocking_send(Piece::Data(piece));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.buffer.len().min(PIECE_BYTES);
        let taken = bytes.len().min(room.max(1));
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads what comes through a channel, and hashes it.
pub struct PieceReader {
    receiver: mpsc::Receiver<Piece>,
    piece: Bytes,
    has_ended: bool,
    hash: Sha256,
    size: u64,
}

impl PieceReader {
    /// A reader from that channel.
    pub fn new(receiver: mpsc::Receiver<Piece>) -> Self {
        Self {
            receiver,
            piece: Bytes::new(),
            has_ended: false,
            hash: Sha256::new(),
            size: 0,
        }
    }

    /// Reads to the end; what there was in all.
    pub fn finish(mut self) -> io::Result<Part> {
        while self.fill()? {
            self.piece.clear();
        }
        Ok(Part {
            size: self.size,
            sha256: hexadecimal(self.hash),
        })
    }

    /// Whether there are bytes to read.
    fn fill(&mut self) -> io::Result<bool> {
        while self.piece.is_empty() && !self.has_ended {
            match self.receiver.blocking_recv() {
                Some(Piece::Data(piece)) => {
                    self.hash.update(&piece);
                    self.size += piece.len() as u64;
                    self.piece = piece;
                }
                Some(Piece::End) => self.has_ended = true,
                None => return Err(io::Error::other("the download was interrupted")),
            }
        }
        Ok(!self.piece.is_empty())
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.fill()? {
            return Ok(0);
        }
        let taken = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_arrives_whole_and_has_one_hash_at_both_ends() {
        let (sender, receiver) = channel();
        let content: Vec<u8> = (0..=250).cycle().take(3 * PIECE_BYTES + 7).collect();
        let written = content.clone();
        let writing = std::thread::spawn(move || {
            let mut writer = PieceWriter::new(sender);
            writer.write_all(&written).unwrap();
            writer.finish().unwrap()
        });
        let mut reader = PieceReader::new(receiver);
        let mut found = vec![0; PIECE_BYTES + 3];
        reader.read_exact(&mut found).unwrap();
        assert_eq!(found, content[..found.len()]);
        let part = reader.finish().unwrap();
        assert_eq!(part, writing.join().unwrap());
        assert_eq!(part.size, content.len() as u64);
    }

    #[test]
    fn a_stream_without_an_end_is_an_error() {
        let (sender, receiver) = channel();
        drop(PieceWriter::new(sender));
        assert!(PieceReader::new(receiver).finish().is_err());
    }
}
