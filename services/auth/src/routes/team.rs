//! Members and their invitations.

pub(crate) mod member_invitations;
pub(crate) mod members;
