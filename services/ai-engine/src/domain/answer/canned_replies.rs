//! Texts that the platform itself replies with, in the creator's voice.

use crate::domain::index::keywords::Language;

/// The reply if no passage is relevant to the question.
pub(crate) const fn nothing_found(language: Language) -> &'static str {
    match language {
        Language::English => {
            "I have not shared anything about that yet, and I would rather say so than guess. \
             Ask me about something from my material, or try other words."
        }
        Language::Spanish => {
            "Todavía no he compartido nada sobre eso, y prefiero decirlo antes que inventar. \
             Pregúntame por algo de mi material o prueba con otras palabras."
        }
    }
}

/// Introduces the quotations of an extractive answer.
pub(crate) const fn quotation_intro(language: Language) -> &'static str {
    match language {
        Language::English => "This is what I have shared about it:",
        Language::Spanish => "Esto es lo que he compartido sobre ello:",
    }
}

/// The reply to a person in danger: the contacts of people who can help.
pub(crate) const fn crisis(language: Language) -> &'static str {
    match language {
        Language::English => {
            "What you write sounds serious, and you should not be alone with it. I am an \
             assistant and cannot help in an emergency. If you are in danger, call your local \
             emergency number now (112 in Europe, 911 in the Americas). To talk to a person at \
             any hour, findahelpline.com lists free helplines in your country; in the United \
             States and Canada call or text 988. Please reach out to somebody near you as well."
        }
        Language::Spanish => {
            "Lo que escribes suena serio, y no deberías estar a solas con ello. Soy un asistente \
             y no puedo ayudar en una emergencia. Si estás en peligro, llama ya al número de \
             emergencias (112 en Europa, 911 en América). Para hablar con una persona a cualquier \
             hora, findahelpline.com muestra líneas gratuitas en tu país; en España llama al 024. \
             Por favor, habla también con alguien cercano."
        }
    }
}
