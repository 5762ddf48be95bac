#![doc = include_str!("../README.md")]

pub mod email;
pub mod id;
pub mod page;
pub mod role;
pub mod text;

pub use email::Email;
pub use id::{
    ChannelId, ChunkId, ConversationId, CreatorId, DocumentId, GenerationId, JobId, MessageId,
    SessionId, UserId, VisitorId,
};
pub use page::{Cursor, Page, PageRequest};
pub use role::Role;
