//! Brings numbered messages into order: events of two writers may overtake each other.

use std::collections::BTreeMap;

/// Messages that may wait for one before them.
const MAX_AHEAD: usize = 64;

/// What has been shown, and what waits for its turn.
#[derive(Debug)]
pub(crate) struct Sequence<T> {
    last: i64,
    ahead: BTreeMap<i64, T>,
}

impl<T> Sequence<T> {
    /// Begins after that number.
    pub(crate) const fn after(last: i64) -> Self {
        Self {
            last,
            ahead: BTreeMap::new(),
        }
    }

    /// The number of the last message whose turn has come.
    pub(crate) const fn last(&self) -> i64 {
        self.last
    }

    /// Takes a message in, unless its number is known; gives all whose turn has come.
    pub(crate) fn take(&mut self, seq: i64, message: T) -> Vec<(i64, T)> {
        if seq > self.last {
            self.ahead.entry(seq).or_insert(message);
        }
        let mut ready = Vec::new();
        while let Some(message) = self.ahead.remove(&(self.last + 1)) {
            self.last += 1;
            ready.push((self.last, message));
        }
        ready
    }

    /// Whether a message waits for one that has not come.
    pub(crate) fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Whether so many wait that it is time to look for the missing one.
    pub(crate) fn is_full(&self) -> bool {
        self.ahead.len() >= MAX_AHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn messages_are_shown_in_order_once_and_without_gaps() {
        let mut sequence = Sequence::after(3);
        assert!(sequence.take(3, "known").is_empty());
        assert!(sequence.take(6, "six").is_empty());
        assert!(sequence.take(5, "five").is_empty());
        assert!(sequence.has_gap());
        assert!(sequence.take(5, "five again").is_empty());
        assert_eq!(
            sequence.take(4, "four"),
            [(4, "four"), (5, "five"), (6, "six")]
        );
        assert!(!sequence.has_gap());
        assert_eq!(sequence.last(), 6);
        assert!(sequence.take(5, "late").is_empty());
    }

    #[test]
    fn a_message_that_never_comes_is_looked_for_at_last() {
        let mut sequence = Sequence::after(0);
        for seq in 2..66 {
            assert!(!sequence.is_full());
            assert!(sequence.take(seq, ()).is_empty());
        }
        assert!(sequence.is_full());
    }
}
