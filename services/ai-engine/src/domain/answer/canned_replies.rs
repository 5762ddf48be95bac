//! Texts that the platform itself replies with, in the creator's voice.

mod east;
mod west;

use super::language::Language;
use super::small_talk::SmallTalk;

/// The replies of one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replies {
    /// No passage is relevant to the question.
    pub(crate) nothing_found: &'static str,
    /// The visitor was shown as much of the documents as one visitor may be.
    pub(crate) shown_enough: &'static str,
    /// Introduces the quotations of an extractive answer.
    pub(crate) quotation_intro: &'static str,
    /// Introduces quotations that contradict each other.
    pub(crate) says_both: &'static str,
    /// To a person in danger: the contacts of people who can help.
    pub(crate) crisis: &'static str,
    greeting: &'static str,
    thanks: &'static str,
    goodbye: &'static str,
    about_the_assistant: &'static str,
}

impl Replies {
    /// The reply to talk that asks for nothing.
    pub(crate) const fn small_talk(&self, kind: SmallTalk) -> &'static str {
        match kind {
            SmallTalk::Greeting => self.greeting,
            SmallTalk::Thanks => self.thanks,
            SmallTalk::Goodbye => self.goodbye,
            SmallTalk::AboutTheAssistant => self.about_the_assistant,
        }
    }
}

/// The replies in a language.
pub(crate) const fn replies(language: Language) -> &'static Replies {
    match language {
        Language::English => &west::ENGLISH,
        Language::Spanish => &west::SPANISH,
        Language::German => &west::GERMAN,
        Language::French => &west::FRENCH,
        Language::Portuguese => &west::PORTUGUESE,
        Language::Italian => &west::ITALIAN,
        Language::Chinese => &east::CHINESE,
        Language::Japanese => &east::JAPANESE,
        Language::Korean => &east::KOREAN,
        Language::Arabic => &east::ARABIC,
        Language::Russian => &east::RUSSIAN,
    }
}
