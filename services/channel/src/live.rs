//! Real time: rooms of sockets, their relay through Redis, answers being made.

pub(crate) mod answer;
pub(crate) mod hub;
pub(crate) mod inbox;
pub(crate) mod pace;
pub(crate) mod relay;
pub(crate) mod socket;
pub(crate) mod sockets;
