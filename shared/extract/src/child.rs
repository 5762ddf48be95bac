//! The child process that reads one file: its standard input is the file, its output the lines.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};

use shared_document::{ReadFailure, Record};

use crate::limits::{self, ConfineError, Role};
use crate::pdf::relay::{self, MAX_PDF, PdfHelper};
use crate::pdf::{PROGRAM, PdfReader};
use crate::{ExtractError, kind};

/// The command of the service that is this process.
pub const COMMAND: &str = "extract";
/// The argument with which the process limits itself and then executes `pdftotext`.
const BECOME_PROGRAM: &str = "--become-pdftotext";
/// The same, for a file that is in memory only.
const BECOME_PROGRAM_IN_MEMORY: &str = "--become-pdftotext-in-memory";
/// The argument with which the process starts the program for files that it gets one by one.
const SERVE_FILES: &str = "--serve-pdftotext";

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
        [mode] if mode == BECOME_PROGRAM => become_program(false),
        [mode] if mode == BECOME_PROGRAM_IN_MEMORY => become_program(true),
        [mode] if mode == SERVE_FILES => serve_files(),
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
    // cannot be started afterwards; so may an archive, which may have some.
    let pdf = if kind::is_pdf(&mut input)? {
        let program = start(BECOME_PROGRAM, Stdio::inherit())?;
        Some(PdfReader::Program(program))
    } else if kind::may_be_export(&mut input, extension)? {
        let helper = start(SERVE_FILES, Stdio::piped())?;
        Some(PdfReader::Helper(PdfHelper::new(helper)?))
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

/// A second process of this program.
fn start(mode: &str, input: Stdio) -> Result<Child, io::Error> {
    Command::new(env::current_exe()?)
        .args([COMMAND, mode])
        .env_clear()
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// Starts the program for one file after the other. It reads none of them itself.
fn serve_files() -> Result<(), StartError> {
    limits::limit_resources(MAX_PDF)?;
    let begin = |file: File| start(BECOME_PROGRAM_IN_MEMORY, Stdio::from(file));
    Ok(relay::serve(
        io::stdin().lock(),
        io::stdout().lock(),
        begin,
    )?)
}

/// Limits itself and becomes the program that reads PDF.
fn become_program(in_memory: bool) -> Result<(), StartError> {
    let input = input()?;
    let file = (!in_memory).then(|| input.as_fd());
    limits::confine(Role::Program(file))?;
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
