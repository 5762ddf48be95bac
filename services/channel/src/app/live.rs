//! Real time: open sockets, and the events that all sockets of a conversation receive.

pub(crate) mod broadcast;
mod conversations;
mod relay;
mod socket;
pub(crate) mod socket_slots;
pub(crate) mod upgrade;
