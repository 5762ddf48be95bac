//! Rules for answers: settings, conversation, small talk, safety, policies, prompt, citations,
//! quotations, grounding, and whether there is an answer at all.

pub mod answerability;
pub(crate) mod canned_replies;
pub(crate) mod checked_text;
pub(crate) mod citations;
pub(crate) mod conversation;
pub(crate) mod disclosure;
pub(crate) mod extractive;
mod function_words;
pub mod grounding;
pub(crate) mod injection;
pub(crate) mod language;
pub(crate) mod names;
pub(crate) mod neighbours;
pub(crate) mod policies;
pub mod prompt;
pub mod qa_match;
pub(crate) mod safety;
pub(crate) mod sentences;
pub(crate) mod settings;
pub(crate) mod small_talk;
mod thoughts;
