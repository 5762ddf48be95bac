//! The catalogue of permissions that roles, tokens and API keys have and every service enforces.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Role;

/// Declares the catalogue once: variant, name, least role, description.
///
/// The name is a `tt`: utoipa does not see the renaming of a `literal`.
macro_rules! permissions {
    ($($name:ident = $word:tt, $role:ident, $doc:literal;)*) => {
        /// A permission.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        pub enum Permission {
            $(#[doc = $doc] #[serde(rename = $word)] $name,)*
        }

        impl Permission {
            /// The whole catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in tokens, API keys and responses.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Description for people.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }

            /// The lowest role that has it.
            pub const fn least_role(self) -> Role {
                match self { $(Self::$name => Role::$role,)* }
            }
        }

        impl FromStr for Permission {
            type Err = NotAPermission;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($word => Ok(Self::$name),)* _ => Err(NotAPermission) }
            }
        }
    };
}

permissions! {
    AccountRead = "account:read", Viewer, "Read the account and its plan.";
    AccountManage = "account:manage", Owner, "Change the account itself.";
    AnswersCreate = "answers:create", Viewer, "Ask the assistant.";
    AssistantRead = "assistant:read", Viewer, "Read the settings of the assistant.";
    AssistantWrite = "assistant:write", Editor, "Change the settings of the assistant.";
    ApiKeysManage = "api_keys:manage", Admin, "Make, list and revoke API keys.";
    AuditRead = "audit:read", Admin, "Read, verify and export the audit log.";
    ChannelsRead = "channels:read", Viewer, "Read channels.";
    ChannelsWrite = "channels:write", Editor, "Make, change and delete channels.";
    ConversationsRead = "conversations:read", Viewer, "Read conversations and their messages.";
    ConversationsWrite = "conversations:write", Editor, "Take part in conversations.";
    DocumentsRead = "documents:read", Viewer, "Read documents and their state.";
    DocumentsWrite = "documents:write", Editor, "Upload, change and delete documents.";
    GenerationsRead = "generations:read", Viewer, "Read what answers were made.";
    InvitesManage = "invites:manage", Admin, "Invite people, list and revoke invites.";
    KnowledgeSearch = "knowledge:search", Viewer, "Search what the assistant knows.";
    MembersRead = "members:read", Viewer, "List the members of the account.";
    MembersManage = "members:manage", Admin, "Change roles of members and remove them.";
    ModelsRead = "models:read", Viewer, "Read which models are there.";
    PrivacyManage = "privacy:manage", Owner, "Export or erase everything of the account.";
    ProfileRead = "profile:read", Viewer, "Read the profile.";
    ProfileWrite = "profile:write", Editor, "Change the profile.";
    UsageRead = "usage:read", Viewer, "Read usage and quotas.";
}

/// The text is not the name of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a permission of the catalogue")]
pub struct NotAPermission;

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
