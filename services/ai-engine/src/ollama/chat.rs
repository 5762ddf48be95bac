//! A streamed chat: typed lines, time limits, and an end that is either good or an error.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use shared_ai_client::Usage;
use shared_rpc::{LineError, lines};
use tokio::time::{Instant, timeout_at};

use super::{Ollama, OllamaError, answered};
use crate::domain::prompt::{MAX_ANSWER, Message};

/// Longest wait for the first token: a cold model loads first.
const FIRST: Duration = Duration::from_mins(2);
/// Longest silence between two tokens.
const IDLE: Duration = Duration::from_secs(30);
/// Longest answer.
const TOTAL: Duration = Duration::from_mins(5);
/// Low, since an answer repeats what was found.
const TEMPERATURE: f64 = 0.3;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// More text.
    Delta(String),
    /// The end, with what the model counted.
    Done(Usage),
}

/// A running answer. Dropping it closes the connection, which stops the model.
pub struct ChatStream {
    lines: Pin<Box<dyn Stream<Item = Result<String, LineError<reqwest::Error>>> + Send>>,
    patience: Duration,
    end: Instant,
}

impl std::fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatStream").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Line {
    error: Option<String>,
    message: Option<Content>,
    #[serde(default)]
    done: bool,
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
    /// Begins an answer. What comes back has the status of the first line: Ollama keeps its
    /// headers until then.
    pub async fn chat(&self, model: &str, messages: &[Message]) -> Result<ChatStream, OllamaError> {
        let body = json!({
            "model": model, "messages": messages, "stream": true,
            "options": {"temperature": TEMPERATURE, "num_predict": MAX_ANSWER},
        });
        let started = Instant::now();
        let sent = answered(self.post("/api/chat", &body), model);
        let response = timeout_at(started + FIRST, sent)
            .await
            .map_err(|_| OllamaError::Slow("first token"))??;
        Ok(ChatStream {
            lines: Box::pin(lines(response.bytes_stream())),
            patience: FIRST,
            end: started + TOTAL,
        })
    }
}

impl ChatStream {
    /// The next event. A stream that ends without [`ChatEvent::Done`] was cut.
    pub async fn next(&mut self) -> Result<ChatEvent, OllamaError> {
        loop {
            let limit = (Instant::now() + self.patience).min(self.end);
            let line = timeout_at(limit, self.lines.next())
                .await
                .map_err(|_| OllamaError::Slow("next token"))?;
            let line = match line {
                None | Some(Err(LineError::Stream(_))) => return Err(OllamaError::Cut),
                Some(Err(LineError::TooLong)) => {
                    return Err(OllamaError::BadAnswer("an endless line".to_owned()));
                }
                Some(Ok(line)) => line,
            };
            self.patience = IDLE;
            if let Some(event) = read(&line)? {
                return Ok(event);
            }
        }
    }
}

/// A line's event; none for a line without text. A failure comes as a line too, under status 200.
fn read(line: &str) -> Result<Option<ChatEvent>, OllamaError> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    let line: Line =
        serde_json::from_str(line).map_err(|error| OllamaError::BadAnswer(error.to_string()))?;
    if let Some(error) = line.error {
        return Err(OllamaError::Runner(error));
    }
    if line.done {
        return Ok(Some(ChatEvent::Done(Usage {
            prompt_tokens: line.prompt_eval_count,
            completion_tokens: line.eval_count,
        })));
    }
    let text = line.message.map(|message| message.content);
    Ok(text.filter(|text| !text.is_empty()).map(ChatEvent::Delta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let delta = read(r#"{"message":{"role":"assistant","content":"He"},"done":false}"#);
        assert_eq!(delta.unwrap(), Some(ChatEvent::Delta("He".to_owned())));
        let done =
            read(r#"{"message":{"content":""},"done":true,"prompt_eval_count":2,"eval_count":3}"#);
        let usage = Usage {
            prompt_tokens: 2,
            completion_tokens: 3,
        };
        assert_eq!(done.unwrap(), Some(ChatEvent::Done(usage)));
        assert_eq!(
            read(r#"{"message":{"content":""},"unknown":1}"#).unwrap(),
            None
        );
        assert!(matches!(
            read(r#"{"error":"boom"}"#),
            Err(OllamaError::Runner(_))
        ));
        assert!(matches!(read("<html>"), Err(OllamaError::BadAnswer(_))));
    }
}
