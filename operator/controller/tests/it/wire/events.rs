//! The events of a watch, one line each, delivered as asked.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use operator::client::Answer;
use tower::BoxError;

use super::fault::Delivery;
use super::{Calls, answers};

struct Events {
    calls: Calls,
    body: UnsyncBoxBody<Bytes, BoxError>,
    begun: BytesMut,
    ready: VecDeque<Bytes>,
    ended: bool,
}

/// The same watch, with its events as the fault wants them.
pub(super) fn tampered(calls: Calls, answer: Answer) -> Answer {
    answer.map(|body| {
        let events = Events {
            calls,
            body,
            begun: BytesMut::new(),
            ready: VecDeque::new(),
            ended: false,
        };
        let frames = stream::unfold(events, |mut events| async {
            let frame = events.next().await?;
            Some((frame.map(Frame::data), events))
        });
        StreamBody::new(frames).boxed_unsync()
    })
}

impl Events {
    async fn next(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(Ok(line));
            }
            if self.ended {
                return None;
            }
            match self.body.frame().await? {
                Ok(frame) => self.take_in(&frame.into_data().unwrap_or_default()),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn take_in(&mut self, data: &[u8]) {
        self.begun.extend_from_slice(data);
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n')
            && !self.ended
        {
            let line = self.begun.split_to(end + 1).freeze();
            self.deliver(line);
        }
    }

    fn deliver(&mut self, line: Bytes) {
        // Bookmarks come when they come: they would make event k another one in every run.
        if line.starts_with(br#"{"type":"BOOKMARK""#) {
            self.ready.push_back(line);
            return;
        }
        let delivery = self.calls.state().delivery();
        match delivery {
            Delivery::AsIs | Delivery::Last => self.ready.push_back(line),
            Delivery::Never => {}
            Delivery::Expired => self.ready.push_back(answers::expired()),
        }
        self.ended = matches!(delivery, Delivery::Last | Delivery::Expired);
    }
}
