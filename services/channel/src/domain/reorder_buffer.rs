//! Restores the order of numbered messages: events of two processes may overtake each other.

use std::collections::BTreeMap;

/// Messages that may wait for a missing one before it is read from the database.
const MAX_BUFFERED: usize = 64;

/// Releases messages in the order of their numbers, each once.
#[derive(Debug)]
pub(crate) struct ReorderBuffer<T> {
    last: i64,
    buffered: BTreeMap<i64, T>,
}

impl<T> ReorderBuffer<T> {
    /// A buffer whose next message is the one after `last`.
    pub(crate) const fn after(last: i64) -> Self {
        Self {
            last,
            buffered: BTreeMap::new(),
        }
    }

    /// The number of the last released message.
    pub(crate) const fn last(&self) -> i64 {
        self.last
    }

    /// Adds a message, unless its number is known, and returns all that are now in order.
    pub(crate) fn push(&mut self, seq: i64, message: T) -> Vec<(i64, T)> {
        if seq > self.last {
            self.buffered.entry(seq).or_insert(message);
        }
        let mut ready = Vec::new();
        while let Some(next) = self.buffered.remove(&(self.last + 1)) {
            self.last += 1;
            ready.push((self.last, next));
        }
        ready
    }

    /// Whether a message waits for one that has not arrived.
    pub(crate) fn has_gap(&self) -> bool {
        !self.buffered.is_empty()
    }

    /// Whether so many messages wait that the missing one has to be read from the database.
    pub(crate) fn is_full(&self) -> bool {
        self.buffered.len() >= MAX_BUFFERED
    }
}

#[cfg(test)]
mod tests {
    use super::ReorderBuffer;

    #[test]
    fn messages_are_released_in_order_once_and_without_gaps() {
        let mut buffer = ReorderBuffer::after(3);
        assert!(buffer.push(3, "known").is_empty());
        assert!(buffer.push(6, "six").is_empty());
        assert!(buffer.push(5, "five").is_empty());
        assert!(buffer.has_gap());
        assert!(buffer.push(5, "five again").is_empty());
        assert_eq!(
            buffer.push(4, "four"),
            [(4, "four"), (5, "five"), (6, "six")]
        );
        assert!(!buffer.has_gap());
        assert_eq!(buffer.last(), 6);
        assert!(buffer.push(5, "late").is_empty());
    }

    #[test]
    fn the_buffer_is_full_when_64_messages_wait_for_one() {
        let mut buffer = ReorderBuffer::after(0);
        for seq in 2..66 {
            assert!(!buffer.is_full());
            assert!(buffer.push(seq, ()).is_empty());
        }
        assert!(buffer.is_full());
    }
}
