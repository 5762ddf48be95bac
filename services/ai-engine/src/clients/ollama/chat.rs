//! A streamed chat with timeouts; it ends with a complete answer or with an error.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use shared_ai_client::Usage;
use shared_rpc::{LineError, lines};
use tokio::time::{Instant, timeout_at};

use super::{Ollama, OllamaError, send};
use crate::domain::answer::prompt::{CONTEXT_TOKENS, MAX_ANSWER_TOKENS, Message};

/// Long, since Ollama may have to load the model first.
const FIRST_TOKEN_TIMEOUT: Duration = Duration::from_mins(2);
const NEXT_TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// For the whole answer.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(5);
/// Low, since an answer should stay close to the passages.
const TEMPERATURE: f64 = 0.3;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// More text.
    Delta(String),
    /// The end.
    Done {
        /// The tokens that the model counted.
        usage: Usage,
        /// Whether the model reached the limit of the answer's length.
        is_truncated: bool,
    },
}

/// A running answer. Dropping it closes the connection, which makes Ollama stop the model.
pub struct ChatStream {
    lines: Pin<Box<dyn Stream<Item = Result<String, LineError<reqwest::Error>>> + Send>>,
    token_timeout: Duration,
    deadline: Instant,
}

impl std::fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatStream").finish_non_exhaustive()
    }
}

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
}

impl Ollama {
    /// Starts an answer and waits for the response's headers, which Ollama sends with the first
    /// token.
    pub async fn chat(&self, model: &str, messages: &[Message]) -> Result<ChatStream, OllamaError> {
        let body = json!({
            "model": model, "messages": messages, "stream": true,
            // Thoughts would use up the tokens of the answer, and are never shown.
            "think": false,
            // Sent, since Ollama's default depends on the machine, and it cuts longer prompts.
            "options": {
                "temperature": TEMPERATURE,
                "num_predict": MAX_ANSWER_TOKENS,
                "num_ctx": CONTEXT_TOKENS,
            },
        });
        let started = Instant::now();
        let request = send(self.post("/api/chat", &body), model);
        let response = timeout_at(started + FIRST_TOKEN_TIMEOUT, request)
            .await
            .map_err(|_| OllamaError::Timeout("first token"))??;
        Ok(ChatStream {
            lines: Box::pin(lines(response.bytes_stream())),
            token_timeout: FIRST_TOKEN_TIMEOUT,
            deadline: started + ANSWER_TIMEOUT,
        })
    }
}

impl ChatStream {
    /// The next event. A stream that ends without [`ChatEvent::Done`] is
    /// [`OllamaError::Truncated`].
    pub async fn next(&mut self) -> Result<ChatEvent, OllamaError> {
        loop {
            let deadline = (Instant::now() + self.token_timeout).min(self.deadline);
            let next = timeout_at(deadline, self.lines.next())
                .await
                .map_err(|_| OllamaError::Timeout("next token"))?;
            let line = match next {
                None | Some(Err(LineError::Stream(_))) => return Err(OllamaError::Truncated),
                Some(Err(LineError::TooLong)) => {
                    return Err(OllamaError::Malformed("a line is too long".to_owned()));
                }
                Some(Ok(line)) => line,
            };
            self.token_timeout = NEXT_TOKEN_TIMEOUT;
            if let Some(event) = parse(&line)? {
                return Ok(event);
            }
        }
    }
}

/// Parses a line; none for a line without text. Ollama reports failures of the model as a line,
/// too, with status 200.
fn parse(line: &str) -> Result<Option<ChatEvent>, OllamaError> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    let parsed: ChatLine =
        serde_json::from_str(line).map_err(|error| OllamaError::Malformed(error.to_string()))?;
    if let Some(error) = parsed.error {
        return Err(OllamaError::ModelFailed(error));
    }
    if parsed.done {
        let usage = Usage {
            prompt_tokens: parsed.prompt_eval_count,
            completion_tokens: parsed.eval_count,
        };
        let is_truncated = parsed.done_reason == "length";
        return Ok(Some(ChatEvent::Done {
            usage,
            is_truncated,
        }));
    }
    let text = parsed.message.map(|message| message.content);
    Ok(text.filter(|text| !text.is_empty()).map(ChatEvent::Delta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_parsed() {
        let delta = parse(r#"{"message":{"role":"assistant","content":"He"},"done":false}"#);
        assert_eq!(delta.unwrap(), Some(ChatEvent::Delta("He".to_owned())));
        let done =
            parse(r#"{"message":{"content":""},"done":true,"prompt_eval_count":2,"eval_count":3}"#);
        let usage = Usage {
            prompt_tokens: 2,
            completion_tokens: 3,
        };
        let end = |is_truncated| ChatEvent::Done {
            usage,
            is_truncated,
        };
        assert_eq!(done.unwrap(), Some(end(false)));
        let cut =
            parse(r#"{"done":true,"done_reason":"length","prompt_eval_count":2,"eval_count":3}"#);
        assert_eq!(cut.unwrap(), Some(end(true)));
        let thought = parse(r#"{"message":{"content":"","thinking":"Hm."},"done":false}"#);
        assert_eq!(thought.unwrap(), None);
        assert_eq!(
            parse(r#"{"message":{"content":""},"unknown":1}"#).unwrap(),
            None
        );
        assert!(matches!(
            parse(r#"{"error":"boom"}"#),
            Err(OllamaError::ModelFailed(_))
        ));
        assert!(matches!(parse("<html>"), Err(OllamaError::Malformed(_))));
    }
}
