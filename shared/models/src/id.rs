//! Typed ids: a document's id cannot be passed where a tenant's is expected.

use serde::{Deserialize, Serialize};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};
use uuid::Uuid;

/// Declares an id that is a UUID on every wire and in every table.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, ordered by time (UUIDv7, RFC 9562).
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The UUID itself.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl Type<Postgres> for $name {
            fn type_info() -> PgTypeInfo {
                <Uuid as Type<Postgres>>::type_info()
            }
        }

        impl Encode<'_, Postgres> for $name {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                <Uuid as Encode<'_, Postgres>>::encode_by_ref(&self.0, buffer)
            }
        }

        impl Decode<'_, Postgres> for $name {
            fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
                <Uuid as Decode<'_, Postgres>>::decode(value).map(Self)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::schema::SchemaFormat::KnownFormat(
                        utoipa::openapi::KnownFormat::Uuid,
                    )))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

id!(
    /// A creator account: the tenant.
    CreatorId
);
id!(
    /// A person who signs in.
    UserId
);
id!(
    /// A session: one sign-in of a user on one device.
    SessionId
);
id!(
    /// A document of a creator's knowledge.
    DocumentId
);
id!(
    /// A site whose pages are documents.
    SiteId
);
id!(
    /// A page that a site lists.
    SitePageId
);
id!(
    /// A named set of documents.
    CollectionId
);
id!(
    /// A question with its answer, as the creator wrote them.
    QaPairId
);
id!(
    /// A background job.
    JobId
);
id!(
    /// A passage of a document.
    ChunkId
);
id!(
    /// One generated answer, running or finished.
    GenerationId
);
id!(
    /// A place where end users talk to a creator's assistant.
    ChannelId
);
id!(
    /// A conversation on a channel.
    ConversationId
);
id!(
    /// One message of a conversation.
    MessageId
);
id!(
    /// An anonymous visitor of a web widget.
    VisitorId
);
id!(
    /// A key with which a machine client calls the platform.
    ApiKeyId
);
