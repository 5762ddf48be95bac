//! Counts the open sockets of this process and enforces the bounds of [`SocketCaps`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared_models::{ChannelId, CreatorId, VisitorId};

use crate::domain::socket_caps::{Cap, SocketCaps};

/// The origin of a socket, for the purpose of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketSource {
    /// `None` for a socket that is only opened to report an invalid token.
    pub(crate) visitor: Option<VisitorId>,
    /// The network address that limits count.
    pub(crate) address: IpAddr,
    pub(crate) channel: ChannelId,
    pub(crate) creator: CreatorId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum CountedBy {
    Visitor(VisitorId),
    Address(IpAddr),
    Channel(ChannelId),
    Account(CreatorId),
    Process,
}

/// The open sockets of this process.
#[derive(Clone)]
pub(crate) struct SocketSlots {
    caps: SocketCaps,
    counts: Arc<Mutex<HashMap<CountedBy, u32>>>,
}

impl SocketSlots {
    pub(crate) fn new(caps: SocketCaps) -> Self {
        Self {
            caps,
            counts: Arc::default(),
        }
    }

    /// Counts a socket until the slot is dropped, or returns the bound that is reached. The
    /// narrowest bound is reported first: it is the one that the caller can act on.
    pub(crate) fn acquire(&self, source: SocketSource) -> Result<SocketSlot, Cap> {
        let bounds = self.bounds(source);
        let mut counts = self.lock();
        let is_reached = |(counted_by, max, _): &&(CountedBy, u32, Cap)| {
            counts.get(counted_by).is_some_and(|count| count >= max)
        };
        if let Some((.., cap)) = bounds.iter().find(is_reached) {
            return Err(*cap);
        }
        let counted: Vec<CountedBy> = bounds.into_iter().map(|(by, ..)| by).collect();
        for counted_by in &counted {
            *counts.entry(*counted_by).or_default() += 1;
        }
        drop(counts);
        Ok(SocketSlot {
            slots: self.clone(),
            counted,
        })
    }

    fn bounds(&self, source: SocketSource) -> Vec<(CountedBy, u32, Cap)> {
        let caps = self.caps;
        let visitor = source
            .visitor
            .map(|id| (CountedBy::Visitor(id), caps.visitor, Cap::Visitor));
        let others = [
            (
                CountedBy::Address(source.address),
                caps.address,
                Cap::Address,
            ),
            (
                CountedBy::Channel(source.channel),
                caps.channel,
                Cap::Channel,
            ),
            (
                CountedBy::Account(source.creator),
                caps.account,
                Cap::Account,
            ),
            (CountedBy::Process, caps.process, Cap::Process),
        ];
        visitor.into_iter().chain(others).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CountedBy, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counted socket; dropping it frees the slot.
pub(crate) struct SocketSlot {
    slots: SocketSlots,
    counted: Vec<CountedBy>,
}

impl Drop for SocketSlot {
    fn drop(&mut self) {
        let mut counts = self.slots.lock();
        for counted_by in &self.counted {
            // A count of zero is removed: callers decide how many different keys there are.
            if let Some(count) = counts.get_mut(counted_by) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(counted_by);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
