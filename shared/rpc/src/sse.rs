//! Server-sent events (WHATWG HTML, section 9.2), as far as the services use them.

use futures_util::{Stream, StreamExt as _};

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerSentEvent {
    /// `event:`; empty when the event has no name.
    pub name: String,
    /// `id:`, for `Last-Event-ID`; empty when the event has none.
    pub id: String,
    /// The `data:` lines, joined by newlines.
    pub data: String,
}

/// Groups lines into events; an empty line ends one. An event that is cut off is dropped.
pub fn events<S, E>(lines: S) -> impl Stream<Item = Result<ServerSentEvent, E>> + Send
where
    S: Stream<Item = Result<String, E>> + Unpin + Send,
    E: Send,
{
    futures_util::stream::unfold(lines, |mut lines| async move {
        let mut event = ServerSentEvent::default();
        loop {
            let line = match lines.next().await? {
                Ok(line) => line,
                Err(error) => return Some((Err(error), lines)),
            };
            if line.is_empty() {
                if event == ServerSentEvent::default() {
                    continue;
                }
                return Some((Ok(event), lines));
            }
            add_field(&mut event, &line);
        }
    })
}

fn add_field(event: &mut ServerSentEvent, line: &str) {
    let Some((field, value)) = line.split_once(':') else {
        return; // a field without a value; none that we use
    };
    let value = value.strip_prefix(' ').unwrap_or(value);
    match field {
        "event" => value.clone_into(&mut event.name),
        "id" => value.clone_into(&mut event.id),
        "data" => {
            if !event.data.is_empty() {
                event.data.push('\n');
            }
            event.data.push_str(value);
        }
        _ => {} // a comment, or `retry:`
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    async fn read(lines: &[&str]) -> Vec<ServerSentEvent> {
        let lines = lines.iter().map(|line| Ok((*line).to_owned()));
        let lines: Vec<Result<String, Infallible>> = lines.collect();
        let events = events(futures_util::stream::iter(lines));
        events.map(Result::unwrap).collect().await
    }

    #[tokio::test]
    async fn data_lines_are_joined_and_comments_skipped() {
        let found = read(&[
            ": ping",
            "",
            "event: token",
            "id: 7",
            "data: a",
            "data: b",
            "",
        ])
        .await;
        let event = ServerSentEvent {
            name: "token".to_owned(),
            id: "7".to_owned(),
            data: "a\nb".to_owned(),
        };
        assert_eq!(found, [event]);
    }

    #[tokio::test]
    async fn an_event_that_is_cut_off_is_dropped() {
        assert!(read(&["event: token", "data: a"]).await.is_empty());
    }
}
