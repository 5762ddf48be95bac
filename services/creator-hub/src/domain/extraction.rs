//! The version of the extraction rules, and why a child process ended without a result.

use shared_document::ReadFailure;

/// The version of the rules by which files are read. With another version, the next processing of
/// a document reads its file again.
pub(crate) const EXTRACTION: i32 = 2;

/// Signals that end a process: aborted, killed, CPU time is up.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
/// The exit code of a Rust program that panicked.
const PANICKED: i32 = 101;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i32),
    Signalled(i32),
}

/// Why a file was not read, for a process that ended without telling. `stderr` is the end of its
/// standard error.
pub(crate) fn failure_of(end: End, stderr: &str) -> ReadFailure {
    match end {
        // The kernel kills at the limit of CPU time, and when the container is out of memory.
        End::Signalled(SIGXCPU | SIGKILL) => ReadFailure::TimedOut,
        End::Signalled(SIGABRT) if stderr.contains("memory allocation") => ReadFailure::OutOfMemory,
        End::Signalled(SIGABRT) if stderr.contains("overflowed its stack") => ReadFailure::TooDeep,
        End::Signalled(_) | End::Exited(PANICKED) => ReadFailure::Damaged,
        End::Exited(_) => ReadFailure::ReaderFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_a_code() {
        for (end, stderr, expected) in [
            (End::Signalled(SIGXCPU), "", ReadFailure::TimedOut),
            (End::Signalled(SIGKILL), "", ReadFailure::TimedOut),
            (
                End::Signalled(SIGABRT),
                "memory allocation of 99 bytes failed",
                ReadFailure::OutOfMemory,
            ),
            (
                End::Signalled(SIGABRT),
                "thread 'main' has overflowed its stack",
                ReadFailure::TooDeep,
            ),
            (End::Signalled(11), "", ReadFailure::Damaged),
            (End::Exited(PANICKED), "", ReadFailure::Damaged),
            (End::Exited(1), "", ReadFailure::ReaderFailed),
            (End::Exited(0), "", ReadFailure::ReaderFailed),
        ] {
            assert_eq!(failure_of(end, stderr), expected, "{end:?}");
        }
    }
}
