//! How many sockets are live in this process, and how many may be: of one visitor, address,
//! channel and account, and of all together. `docs/limits.md` lists these bounds with the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared_models::{ChannelId, CreatorId, VisitorId};

/// Live sockets of one visitor in one process: the tabs of one browser.
const OF_A_VISITOR: u32 = 16;
/// The share of a process's sockets that one account may take.
const SHARE_OF_AN_ACCOUNT: u32 = 2;
/// The share of a process's sockets that one channel may take.
const SHARE_OF_A_CHANNEL: u32 = 3;

/// The bounds on live sockets of one process. Each process counts by itself, so that a new socket
/// waits for no other part of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketCaps {
    /// Of one visitor.
    pub visitor: u32,
    /// Of one address; of an IPv6 address, its /64.
    pub address: u32,
    /// Of one channel.
    pub channel: u32,
    /// Of one account.
    pub account: u32,
    /// Of all.
    pub process: u32,
}

impl SocketCaps {
    /// The bounds of a process that takes so many sockets in all, and so many of one address.
    pub const fn of(process: u32, address: u32) -> Self {
        Self {
            visitor: OF_A_VISITOR,
            address,
            channel: process.div_ceil(SHARE_OF_A_CHANNEL),
            account: process.div_ceil(SHARE_OF_AN_ACCOUNT),
            process,
        }
    }

    /// The same bounds for a process that may open so many files: each socket takes one, and a
    /// quarter is left for requests and stores.
    #[must_use]
    pub const fn within(self, open_files: u32) -> Self {
        let most = open_files / 4 * 3;
        if self.process <= most {
            return self;
        }
        Self::of(most, self.address)
    }
}

/// Whom a socket is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The visitor; none when the socket is only told that its token is not good.
    pub(crate) visitor: Option<VisitorId>,
    /// The address, as limits count it.
    pub(crate) address: IpAddr,
    /// The channel.
    pub(crate) channel: ChannelId,
    /// The account.
    pub(crate) creator: CreatorId,
}

/// What has as many sockets as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cap {
    /// A visitor.
    Visitor,
    /// An address.
    Address,
    /// A channel.
    Channel,
    /// An account.
    Account,
    /// This process.
    Process,
}

impl Cap {
    /// Its name in metrics and in the answer.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Address => "address",
            Self::Channel => "channel",
            Self::Account => "account",
            Self::Process => "process",
        }
    }
}

/// Something that sockets are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    Visitor(VisitorId),
    Address(IpAddr),
    Channel(ChannelId),
    Account(CreatorId),
    Process,
}

/// The live sockets of this process.
#[derive(Clone)]
pub(crate) struct Sockets {
    caps: SocketCaps,
    live: Arc<Mutex<HashMap<Counted, u32>>>,
}

impl Sockets {
    /// No sockets yet.
    pub(crate) fn new(caps: SocketCaps) -> Self {
        Self {
            caps,
            live: Arc::default(),
        }
    }

    /// Counts a socket until the place is dropped, or says which bound is reached. The narrowest
    /// is named first: it is the one that the caller can do something about.
    pub(crate) fn enter(&self, holder: Holder) -> Result<Place, Cap> {
        let bounds = self.bounds(holder);
        let mut live = self.lock();
        let full = |(counted, most, _): &&(Counted, u32, Cap)| {
            live.get(counted).is_some_and(|count| count >= most)
        };
        if let Some((.., cap)) = bounds.iter().find(full) {
            return Err(*cap);
        }
        let counted: Vec<Counted> = bounds.into_iter().map(|(counted, ..)| counted).collect();
        for one in &counted {
            *live.entry(*one).or_default() += 1;
        }
        drop(live);
        Ok(Place {
            sockets: self.clone(),
            counted,
        })
    }

    fn bounds(&self, holder: Holder) -> Vec<(Counted, u32, Cap)> {
        let caps = self.caps;
        let visitor = holder
            .visitor
            .map(|id| (Counted::Visitor(id), caps.visitor, Cap::Visitor));
        let others = [
            (Counted::Address(holder.address), caps.address, Cap::Address),
            (Counted::Channel(holder.channel), caps.channel, Cap::Channel),
            (Counted::Account(holder.creator), caps.account, Cap::Account),
            (Counted::Process, caps.process, Cap::Process),
        ];
        visitor.into_iter().chain(others).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Counted, u32>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counted socket; dropped, its place is free again.
pub(crate) struct Place {
    sockets: Sockets,
    counted: Vec<Counted>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut live = self.sockets.lock();
        for counted in &self.counted {
            // What has no socket left is forgotten: callers choose how many there are.
            if let Some(count) = live.get_mut(counted) {
                *count -= 1;
                if *count == 0 {
                    live.remove(counted);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
