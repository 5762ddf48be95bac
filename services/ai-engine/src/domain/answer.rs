//! Rules for answers: crisis detection, prompt, citations, quotations, canned replies.

pub(crate) mod canned_replies;
pub(crate) mod citations;
pub(crate) mod extractive;
pub(crate) mod prompt;
pub(crate) mod safety;
