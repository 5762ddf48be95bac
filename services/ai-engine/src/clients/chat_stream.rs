//! A streamed answer of a chat model with timeouts; it ends with a complete answer or an error.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use shared_ai_client::Usage;
use shared_rpc::LineError;
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::model_error::ModelError;
use super::{ollama, openai};

/// Long, since a server may have to load the model first.
pub(super) const FIRST_TOKEN_TIMEOUT: Duration = Duration::from_mins(2);
const NEXT_TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// For what follows the last token: the counts of tokens.
const END_TIMEOUT: Duration = Duration::from_secs(2);
/// For the whole answer.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(5);

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

/// What one piece of the stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Nothing that matters here.
    Nothing,
    /// The model thinks; its thoughts are not shown.
    Thought,
    /// Text, or the end.
    Event(ChatEvent),
}

/// How the pieces are read.
#[derive(Debug)]
pub(super) enum Dialect {
    Ollama,
    OpenAi(openai::Progress),
}

/// The pieces of a response: lines of JSON, or the data of server-sent events.
pub(super) type Pieces =
    Pin<Box<dyn Stream<Item = Result<String, LineError<reqwest::Error>>> + Send>>;

/// A running answer. Dropping it closes the connection, which makes the server stop the model.
pub struct ChatStream {
    connection: Connection,
    pieces: Pieces,
    dialect: Dialect,
    /// Read already, and not returned yet.
    first: Option<ChatEvent>,
    token_timeout: Duration,
    deadline: Instant,
}

impl std::fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatStream").finish_non_exhaustive()
    }
}

impl ChatStream {
    pub(super) fn new(
        connection: Connection,
        pieces: Pieces,
        dialect: Dialect,
        started: Instant,
    ) -> Self {
        Self {
            connection,
            pieces,
            dialect,
            first: None,
            token_timeout: FIRST_TOKEN_TIMEOUT,
            deadline: started + ANSWER_TIMEOUT,
        }
    }

    /// Waits until the model has written or thought something, or has ended.
    pub(super) async fn wait_for_first(&mut self) -> Result<(), ModelError> {
        if self.first.is_none()
            && let Piece::Event(event) = self.read().await?
        {
            self.first = Some(event);
        }
        Ok(())
    }

    /// The next event. A stream that ends without [`ChatEvent::Done`] is
    /// [`ModelError::Truncated`].
    pub async fn next(&mut self) -> Result<ChatEvent, ModelError> {
        if let Some(event) = self.first.take() {
            return Ok(event);
        }
        loop {
            if let Piece::Event(event) = self.read().await? {
                return Ok(event);
            }
        }
    }

    /// The next piece that says something.
    async fn read(&mut self) -> Result<Piece, ModelError> {
        loop {
            let ending = self.dialect.ending();
            let patience = ending.as_ref().map_or(self.token_timeout, |_| END_TIMEOUT);
            let deadline = (Instant::now() + patience).min(self.deadline);
            let next = timeout_at(deadline, self.pieces.next()).await;
            let piece = match (next, ending) {
                (Ok(Some(Ok(piece))), _) => piece,
                // The text is complete; only what counts its tokens did not come.
                (_, Some(ending)) => return Ok(Piece::Event(ending)),
                (Err(_), None) => return Err(ModelError::Timeout("next token")),
                (Ok(None | Some(Err(LineError::Stream(_)))), None) => {
                    return Err(ModelError::Truncated);
                }
                (Ok(Some(Err(LineError::TooLong))), None) => {
                    return Err(ModelError::Malformed("a line is too long".to_owned()));
                }
            };
            self.token_timeout = NEXT_TOKEN_TIMEOUT;
            match self.dialect.parse(&piece).map_err(|e| self.shown(e))? {
                Piece::Nothing => {}
                piece => return Ok(piece),
            }
        }
    }

    /// The error with words that may appear in logs.
    fn shown(&self, error: ModelError) -> ModelError {
        match error {
            ModelError::ModelFailed(text) => ModelError::ModelFailed(self.connection.shown(&text)),
            other => other,
        }
    }
}

impl Dialect {
    fn parse(&mut self, piece: &str) -> Result<Piece, ModelError> {
        match self {
            Self::Ollama => ollama::parse(piece),
            Self::OpenAi(progress) => progress.parse(piece),
        }
    }

    /// The last event, if the text is complete already.
    fn ending(&self) -> Option<ChatEvent> {
        match self {
            Self::Ollama => None,
            Self::OpenAi(progress) => progress.ending(),
        }
    }
}
