//! The chat of the OpenAI protocol: a stream of server-sent events.

use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use shared_ai_client::Usage;
use shared_rpc::{lines, sse};
use tokio::time::{Instant, timeout_at};

use super::OpenAi;
use crate::clients::chat_stream::{ChatEvent, ChatStream, Dialect, FIRST_TOKEN_TIMEOUT, Piece};
use crate::clients::connection::words;
use crate::clients::model_error::ModelError;
use crate::domain::answer::prompt::ChatRequest;

/// The data of the last event.
const END: &str = "[DONE]";

impl OpenAi {
    /// Starts an answer and waits for the response's headers. The context window is the server's
    /// own: the protocol cannot ask for one.
    pub(in crate::clients) async fn chat(
        &self,
        model: &str,
        asked: &ChatRequest,
    ) -> Result<ChatStream, ModelError> {
        let body = json!({
            "model": model, "messages": asked.messages, "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": asked.temperature, "max_tokens": asked.max_tokens,
        });
        let started = Instant::now();
        let request = self.connection.post("/chat/completions", &body);
        let request = self.connection.send(request, model);
        let response = timeout_at(started + FIRST_TOKEN_TIMEOUT, request)
            .await
            .map_err(|_| ModelError::Timeout("first token"))??;
        let events = sse::events(Box::pin(lines(response.bytes_stream())));
        let pieces = Box::pin(events.map(|event| event.map(|event| event.data)));
        let connection = self.connection.clone();
        let dialect = Dialect::OpenAi(Progress::default());
        Ok(ChatStream::new(connection, pieces, dialect, started))
    }
}

/// What the events so far say about the end.
#[derive(Debug, Default)]
pub(in crate::clients) struct Progress {
    is_finished: bool,
    is_truncated: bool,
    usage: Usage,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    /// Thoughts, in vLLM, llama.cpp and DeepSeek.
    reasoning_content: Option<String>,
    /// Thoughts, in Ollama, OpenRouter and later versions of vLLM.
    reasoning: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

impl Progress {
    /// Parses the data of an event. A failure of the model is an event, too, with status 200.
    pub(in crate::clients) fn parse(&mut self, data: &str) -> Result<Piece, ModelError> {
        let data = data.trim();
        if data.is_empty() {
            return Ok(Piece::Nothing);
        }
        if data == END {
            return Ok(Piece::Event(self.done()));
        }
        let malformed = |error: serde_json::Error| ModelError::Malformed(error.to_string());
        let value: Value = serde_json::from_str(data).map_err(malformed)?;
        if value.get("error").is_some_and(|error| !error.is_null()) {
            let text = words(&value).unwrap_or_else(|| "an error without words".to_owned());
            return Err(ModelError::ModelFailed(text));
        }
        let chunk: Chunk = serde_json::from_value(value).map_err(malformed)?;
        if let Some(counts) = chunk.usage {
            self.usage = Usage {
                prompt_tokens: counts.prompt_tokens,
                completion_tokens: counts.completion_tokens,
            };
        }
        let Some(choice) = chunk.choices.into_iter().next() else {
            return Ok(Piece::Nothing);
        };
        if let Some(reason) = choice.finish_reason {
            self.is_finished = true;
            // A filter of the server cuts an answer as a limit does.
            self.is_truncated = matches!(reason.as_str(), "length" | "content_filter");
        }
        let Delta {
            content,
            reasoning_content,
            reasoning,
        } = choice.delta;
        let has = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        Ok(match content.filter(|text| !text.is_empty()) {
            Some(text) => Piece::Event(ChatEvent::Delta(text)),
            None if has(&reasoning_content) || has(&reasoning) => Piece::Thought,
            None => Piece::Nothing,
        })
    }

    /// The last event, once the text is complete: the counts of tokens may still come.
    pub(in crate::clients) fn ending(&self) -> Option<ChatEvent> {
        self.is_finished.then(|| self.done())
    }

    const fn done(&self) -> ChatEvent {
        ChatEvent::Done {
            usage: self.usage,
            is_truncated: self.is_truncated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(delta: &str, finish_reason: &str) -> String {
        format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":{finish_reason}}}]}}"#)
    }

    #[test]
    fn text_thoughts_counts_and_the_end_are_read() {
        let mut progress = Progress::default();
        let mut parse = |data: &str| progress.parse(data).unwrap();
        let role = chunk(r#"{"role":"assistant","content":""}"#, "null");
        assert_eq!(parse(&role), Piece::Nothing);
        for field in ["reasoning_content", "reasoning"] {
            let thought = chunk(&format!(r#"{{"{field}":"Hm."}}"#), "null");
            assert_eq!(parse(&thought), Piece::Thought, "{field}");
        }
        let text = Piece::Event(ChatEvent::Delta("He".to_owned()));
        assert_eq!(parse(&chunk(r#"{"content":"He"}"#, "null")), text);
        assert_eq!(parse(&chunk("{}", r#""length""#)), Piece::Nothing);
        let counts = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;
        assert_eq!(parse(counts), Piece::Nothing);
        let done = ChatEvent::Done {
            usage: Usage {
                prompt_tokens: 7,
                completion_tokens: 2,
            },
            is_truncated: true,
        };
        assert_eq!(parse(END), Piece::Event(done.clone()));
        assert_eq!(progress.ending(), Some(done));
    }

    #[test]
    fn an_answer_that_stopped_by_itself_is_not_truncated() {
        let mut progress = Progress::default();
        assert_eq!(progress.ending(), None);
        progress.parse(&chunk("{}", r#""stop""#)).unwrap();
        let Some(ChatEvent::Done { is_truncated, .. }) = progress.ending() else {
            panic!("it has ended");
        };
        assert!(!is_truncated);
    }

    #[test]
    fn a_failure_in_the_stream_and_what_is_no_json_are_errors() {
        let mut progress = Progress::default();
        let failed = progress.parse(r#"{"error":{"message":"out of memory","type":"server"}}"#);
        assert!(matches!(failed, Err(ModelError::ModelFailed(text)) if text.contains("memory")));
        let malformed = progress.parse("<html>");
        assert!(matches!(malformed, Err(ModelError::Malformed(_))));
    }
}
