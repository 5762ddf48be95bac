//! Sizes and lengths that more than one service checks: each stands here once.

/// Longest title of a document, characters.
pub const DOCUMENT_TITLE: usize = 200;

/// Largest upload that can be configured and largest text of a document, bytes. An extracted text
/// is at most as large as its upload.
pub const DOCUMENT_BYTES: u64 = 512 * 1024 * 1024;

/// Most bytes of a text that one request reads.
pub const TEXT_WINDOW_BYTES: u64 = 1024 * 1024;

/// Longest question of a question-and-answer pair, characters.
pub const QA_QUESTION: usize = 300;

/// Longest answer of a question-and-answer pair, characters.
pub const QA_ANSWER: usize = 4000;

/// Most questions of one pair: the first and those that ask the same in other words.
pub const QA_QUESTIONS: usize = 10;

/// Most question-and-answer pairs of an account. Each question is compared with all of them.
pub const QA_PAIRS: usize = 2000;
