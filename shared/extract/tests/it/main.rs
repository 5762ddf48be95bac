//! Files of each kind that is an archive, files that attack, and what the child cannot do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at faults")]

mod test_archives;
mod test_exports;
mod test_limits;
mod test_samples;
mod zipped;
