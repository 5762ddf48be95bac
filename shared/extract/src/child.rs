//! The child process that reads one file: its standard input is the file, its output the lines.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};

use shared_document::{ReadFailure, Record};

use crate::limits::{self, ConfineError, Role};
use crate::pdf::{PROGRAM, PdfText};
use crate::{ExtractError, kind};

/// The command of the service that is this process.
pub const COMMAND: &str = "extract";
/// The argument with which the process limits itself and then executes `pdftotext`.
const BECOME_PROGRAM: &str = "--become-pdftotext";

/// Why the process could not start to read.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Confine(#[from] ConfineError),
    #[error("input or output: {0}")]
    Io(#[from] io::Error),
}

/// Reads the file on standard input; the one argument is the ending of its name. The last line on
/// standard output is a summary or a failure.
pub fn main(arguments: &[String]) -> ExitCode {
    let done = match arguments {
        [mode] if mode == BECOME_PROGRAM => become_program(),
        [extension] => read(extension),
        _ => Err(io::Error::other("usage: extract EXTENSION < FILE").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn read(extension: &str) -> Result<(), StartError> {
    let mut input = input()?;
    // The only bytes that are read before the limits apply. A PDF needs a second process, which
    // cannot be started afterwards.
    let pdf = if kind::is_pdf(&mut input)? {
        Some(start_program()?)
    } else {
        None
    };
    let confined = limits::confine(Role::Reader)?;
    log(&confined.to_string());
    let mut sink = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let last = match crate::extract(&mut input, extension, pdf, &mut sink) {
        Ok(summary) => Record::Summary(summary),
        Err(ExtractError::File(failure)) => Record::Failure(failure),
        Err(ExtractError::Io(error)) => {
            log(&error.to_string());
            Record::Failure(ReadFailure::ReaderFailed)
        }
    };
    let last = last.to_json().map_err(io::Error::other)?;
    sink.write_all(last.as_bytes())?;
    Ok(sink.flush()?)
}

/// Standard input as a file, which can be read twice.
fn input() -> Result<File, io::Error> {
    let input: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(File::from(input))
}

/// A second process of this program that limits itself and becomes the one that reads PDF.
fn start_program() -> Result<PdfText, io::Error> {
    let child = Command::new(env::current_exe()?)
        .args([COMMAND, BECOME_PROGRAM])
        .env_clear()
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(PdfText(child))
}

fn become_program() -> Result<(), StartError> {
    let input = input()?;
    limits::confine(Role::Program(input.as_fd()))?;
    let error = Command::new(PROGRAM)
        .args([
            "-q",
            "-enc",
            "UTF-8",
            "-eol",
            "unix",
            "/proc/self/fd/0",
            "-",
        ])
        .exec();
    Err(error.into())
}

fn log(text: &str) {
    // The parent may have closed the pipe.
    let _ = writeln!(io::stderr(), "{text}");
}
