#![doc = include_str!("../README.md")]

pub mod bounded;
pub mod content_hash;
pub mod email;
pub mod entity_tag;
pub mod event;
pub mod id;
pub mod limits;
pub mod page;
pub mod permission;
pub mod quota;
pub mod retry;
pub mod role;
pub mod tenant_data;
pub mod text;
pub mod usage;
pub mod visibility;
pub mod words;

pub use bounded::Bounded;
pub use content_hash::ContentHash;
pub use email::{Email, NotAnEmail};
pub use event::{Event, EventType};
pub use id::{
    ApiKeyId, ChannelId, ChunkId, CollectionId, ConversationId, CreatorId, DocumentId,
    GenerationId, JobId, MessageId, QaPairId, SessionId, SiteId, SitePageId, UserId, VisitorId,
};
pub use page::{Cursor, Page, PageRequest};
pub use permission::Permission;
pub use quota::Quota;
pub use retry::{Backoff, Retry};
pub use role::Role;
pub use tenant_data::{ExportFailure, ExportFailureCode, ExportRecord, FilePiece, RowCounts};
pub use usage::UsageKind;
pub use visibility::Visibility;
