//! Reads the PDF files in an archive. The process that reads the archive has limited itself and can
//! start no program, so a helper that was started before does: it gets one file after the other
//! through a pipe, knows nothing of its content, and passes on what the program prints.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};

use rustix::fs::{MemfdFlags, memfd_create};

use super::{End, MAX_TEXT, Text};

/// The largest PDF in an archive; it is in memory twice while it is read.
pub(crate) const MAX_PDF: u64 = 32 * 1024 * 1024;
/// Bytes that are passed on at once.
const PIECE: usize = 32 * 1024;
/// The end of a text: a piece without bytes.
const NO_PIECE: u32 = 0;

/// The running helper.
#[derive(Debug)]
pub struct PdfHelper {
    child: Child,
    requests: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
}

impl PdfHelper {
    /// The helper with pipes to both sides.
    pub(crate) fn new(mut child: Child) -> io::Result<Self> {
        let no_pipe = || io::Error::other("no pipe");
        Ok(Self {
            requests: Some(BufWriter::new(child.stdin.take().ok_or_else(no_pipe)?)),
            answers: BufReader::new(child.stdout.take().ok_or_else(no_pipe)?),
            child,
        })
    }

    /// Hands over a file; its text is read from what is returned.
    pub(super) fn text_of(&mut self, pdf: &[u8]) -> io::Result<RelayedText<'_>> {
        let requests = self.requests.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let length = u32::try_from(pdf.len()).map_err(io::Error::other)?;
        requests.write_all(&length.to_le_bytes())?;
        requests.write_all(pdf)?;
        requests.flush()?;
        Ok(RelayedText {
            answers: &mut self.answers,
            left: 0,
            has_ended: false,
        })
    }
}

impl Drop for PdfHelper {
    fn drop(&mut self) {
        // The end of the requests is the end of the helper, which must not be left behind.
        self.requests = None;
        let _ = self.child.wait();
    }
}

/// The text of one file, as the helper passes it on.
pub(super) struct RelayedText<'h> {
    answers: &'h mut BufReader<ChildStdout>,
    /// Bytes of the piece that were not read yet.
    left: usize,
    has_ended: bool,
}

impl Read for RelayedText<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.has_ended {
            let length = read_number(self.answers)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.left = usize::try_from(length).map_err(io::Error::other)?;
            self.has_ended = length == NO_PIECE;
        }
        let most = buffer.len().min(self.left);
        let read = self
            .answers
            .read(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}

impl Text for RelayedText<'_> {
    fn end(mut self) -> io::Result<End> {
        // What was too much is passed over, so that the next file has its own text.
        io::copy(&mut self, &mut io::sink())?;
        let mut end = [0; 5];
        self.answers.read_exact(&mut end)?;
        let [kind, number @ ..] = end;
        let number = i32::from_le_bytes(number);
        Ok(if kind == 0 {
            End::Code(number)
        } else {
            End::Signal(number)
        })
    }
}

/// What the helper does: gives each file that arrives on `requests` to a program, and writes its
/// text and its end to `answers`, until no more files come.
pub(crate) fn serve(
    mut requests: impl Read,
    mut answers: impl Write,
    start: impl Fn(File) -> io::Result<Child>,
) -> io::Result<()> {
    while let Some(length) = read_number(&mut requests)? {
        let length = u64::from(length);
        if length > MAX_PDF {
            return Err(io::Error::other("the file is too large"));
        }
        let mut file = File::from(memfd_create("pdf", MemfdFlags::CLOEXEC)?);
        let copied = io::copy(&mut requests.by_ref().take(length), &mut file)?;
        if copied != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.seek(SeekFrom::Start(0))?;
        let mut program = start(file)?;
        let relayed = relay(&mut program, &mut answers);
        if relayed.is_err() {
            let _ = program.kill();
        }
        let status = program.wait()?;
        relayed?;
        answers.write_all(&NO_PIECE.to_le_bytes())?;
        answers.write_all(&encoded(status))?;
        answers.flush()?;
    }
    Ok(())
}

/// Passes on the text of a program, up to the most that a file may have.
fn relay(program: &mut Child, answers: &mut impl Write) -> io::Result<()> {
    let Some(text) = program.stdout.take() else {
        return Ok(());
    };
    // One byte more shows that there was more; the program then ends at its broken pipe.
    let mut text = text.take(MAX_TEXT + 1);
    let mut piece = vec![0; PIECE];
    loop {
        let read = text.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        let length = u32::try_from(read).map_err(io::Error::other)?;
        answers.write_all(&length.to_le_bytes())?;
        answers.write_all(piece.get(..read).unwrap_or_default())?;
    }
}

/// Whether a program ended by itself (0) or by a signal (1), and the number of it.
fn encoded(status: ExitStatus) -> [u8; 5] {
    let (kind, number) = match status.signal() {
        Some(signal) => (1, signal),
        None => (0, status.code().unwrap_or(-1)),
    };
    let [a, b, c, d] = number.to_le_bytes();
    [kind, a, b, c, d]
}

/// A number of four bytes; none at the end.
fn read_number(input: &mut impl Read) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    let first = input.read(&mut bytes)?;
    if first == 0 {
        return Ok(None);
    }
    input.read_exact(bytes.get_mut(first..).unwrap_or_default())?;
    Ok(Some(u32::from_le_bytes(bytes)))
}
