//! How many sockets one process may have open, in all and per visitor, address, channel and
//! account. `docs/limits.md` lists these bounds with the others.

/// Open sockets of one visitor in one process: the tabs of one browser.
const MAX_PER_VISITOR: u32 = 16;
/// One account may have half of a process's sockets.
const ACCOUNT_DIVISOR: u32 = 2;
/// One channel may have a third of a process's sockets.
const CHANNEL_DIVISOR: u32 = 3;

/// The bounds on open sockets of one process. Each process counts by itself, so that opening a
/// socket needs no call to another part of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketCaps {
    /// Sockets of one visitor.
    pub visitor: u32,
    /// Sockets of one IPv4 address or one IPv6 /64.
    pub address: u32,
    /// Sockets of one channel.
    pub channel: u32,
    /// Sockets of one account.
    pub account: u32,
    /// All sockets of the process.
    pub process: u32,
}

impl SocketCaps {
    /// The bounds of a process with that total and that many sockets per address.
    pub const fn of(process: u32, address: u32) -> Self {
        Self {
            visitor: MAX_PER_VISITOR,
            address,
            channel: process.div_ceil(CHANNEL_DIVISOR),
            account: process.div_ceil(ACCOUNT_DIVISOR),
            process,
        }
    }

    /// Lowers the bounds to what fits into the open file limit: each socket is one file, and a
    /// quarter of the files is reserved for requests and stores.
    #[must_use]
    pub const fn within(self, open_files: u32) -> Self {
        let max = open_files / 4 * 3;
        if self.process <= max {
            return self;
        }
        Self::of(max, self.address)
    }
}

/// Which bound is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cap {
    Visitor,
    Address,
    Channel,
    Account,
    Process,
}

impl Cap {
    /// Its name in metrics and problem details.
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
