//! The quality of search and answers on judged data, for the real services: what is found, what is
//! refused, what is invented. The figures are committed, and this fails when they change.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at faults")]
#![expect(
    clippy::print_stdout,
    reason = "figures are printed beside the verdict"
)]

mod data_set;
mod library;
mod measures;
#[path = "../integration/ports.rs"]
mod ports;
#[path = "../integration/processes.rs"]
#[expect(dead_code, reason = "the tests of contracts use what is not used here")]
mod processes;
mod rankings;
mod test_grounding;
mod test_injections;
mod test_pairs;
mod test_search;
mod vectors;
