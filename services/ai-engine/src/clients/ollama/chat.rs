//! The chat of Ollama: a stream of lines of JSON.

use serde::Deserialize;
use serde_json::json;
use shared_ai_client::Usage;
use shared_rpc::lines;
use tokio::time::{Instant, timeout_at};

use super::Ollama;
use crate::clients::chat_stream::{ChatEvent, ChatStream, Dialect, FIRST_TOKEN_TIMEOUT, Piece};
use crate::clients::model_error::ModelError;
use crate::domain::answer::prompt::{CONTEXT_TOKENS, ChatRequest};

#[derive(Deserialize)]
struct ChatLine {
    error: Option<String>,
    message: Option<Content>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: String,
    #[serde(default)]
    prompt_eval_count: u32,
    #[serde(default)]
    eval_count: u32,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    content: String,
    #[serde(default)]
    thinking: String,
}

impl Ollama {
    /// Starts an answer and waits for the response's headers, which Ollama sends with the first
    /// token.
    pub async fn chat(&self, model: &str, asked: &ChatRequest) -> Result<ChatStream, ModelError> {
        let body = json!({
            "model": model, "messages": asked.messages, "stream": true,
            // Thoughts would use up the tokens of the answer, and are never shown.
            "think": false,
            // Sent, since Ollama's default depends on the machine, and it cuts longer prompts.
            "options": {
                "temperature": asked.temperature,
                "num_predict": asked.max_tokens,
                "num_ctx": CONTEXT_TOKENS,
            },
        });
        let started = Instant::now();
        let request = self.connection.post("/api/chat", &body);
        let request = self.connection.send(request, model);
        let response = timeout_at(started + FIRST_TOKEN_TIMEOUT, request)
            .await
            .map_err(|_| ModelError::Timeout("first token"))??;
        let pieces = Box::pin(lines(response.bytes_stream()));
        let connection = self.connection.clone();
        Ok(ChatStream::new(
            connection,
            pieces,
            Dialect::Ollama,
            started,
        ))
    }
}

/// Parses a line. Ollama reports failures of the model as a line, too, with status 200.
pub(in crate::clients) fn parse(line: &str) -> Result<Piece, ModelError> {
    if line.trim().is_empty() {
        return Ok(Piece::Nothing);
    }
    let parsed: ChatLine =
        serde_json::from_str(line).map_err(|error| ModelError::Malformed(error.to_string()))?;
    if let Some(error) = parsed.error {
        return Err(ModelError::ModelFailed(error));
    }
    if parsed.done {
        let usage = Usage {
            prompt_tokens: parsed.prompt_eval_count,
            completion_tokens: parsed.eval_count,
        };
        return Ok(Piece::Event(ChatEvent::Done {
            usage,
            is_truncated: parsed.done_reason == "length",
        }));
    }
    Ok(match parsed.message {
        Some(message) if !message.content.is_empty() => {
            Piece::Event(ChatEvent::Delta(message.content))
        }
        Some(message) if !message.thinking.is_empty() => Piece::Thought,
        _ => Piece::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_parsed() {
        let delta = parse(r#"{"message":{"role":"assistant","content":"He"},"done":false}"#);
        let text = Piece::Event(ChatEvent::Delta("He".to_owned()));
        assert_eq!(delta.unwrap(), text);
        let done =
            parse(r#"{"message":{"content":""},"done":true,"prompt_eval_count":2,"eval_count":3}"#);
        let usage = Usage {
            prompt_tokens: 2,
            completion_tokens: 3,
        };
        let end = |is_truncated| {
            Piece::Event(ChatEvent::Done {
                usage,
                is_truncated,
            })
        };
        assert_eq!(done.unwrap(), end(false));
        let cut =
            parse(r#"{"done":true,"done_reason":"length","prompt_eval_count":2,"eval_count":3}"#);
        assert_eq!(cut.unwrap(), end(true));
        let thought = parse(r#"{"message":{"content":"","thinking":"Hm."},"done":false}"#);
        assert_eq!(thought.unwrap(), Piece::Thought);
        assert_eq!(
            parse(r#"{"message":{"content":""},"unknown":1}"#).unwrap(),
            Piece::Nothing
        );
        assert!(matches!(
            parse(r#"{"error":"boom"}"#),
            Err(ModelError::ModelFailed(_))
        ));
        assert!(matches!(parse("<html>"), Err(ModelError::Malformed(_))));
    }
}
