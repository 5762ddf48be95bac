//! Kinds of channels.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::UnknownName;

/// What a channel is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChannelKind {
    /// A chat on the creator's web pages.
    WebWidget,
}

impl ChannelKind {
    /// The stored name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::WebWidget => "web_widget",
        }
    }
}

impl FromStr for ChannelKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "web_widget" => Ok(Self::WebWidget),
            _ => Err(UnknownName),
        }
    }
}
