//! The tokens of a widget's visitor: one that opens a socket, one that remembers the visitor.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared_config::Secret;
use shared_models::{ChannelId, ConversationId, CreatorId, VisitorId};

/// Life of a session, seconds; the widget renews it by itself.
pub(crate) const SESSION_LIFE: i64 = 3600;
/// Life of the token that remembers a visitor, seconds.
const VISITOR_LIFE: i64 = 90 * 24 * 3600;
/// `aud` of a session token.
const SESSION: &str = "widget-session";
/// `aud` of a visitor token.
const VISITOR: &str = "widget-visitor";

/// What a session token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionClaims {
    /// The channel.
    pub(crate) channel: ChannelId,
    /// Whose channel it is.
    pub(crate) creator: CreatorId,
    /// Who talks.
    pub(crate) visitor: VisitorId,
    /// What is talked in.
    pub(crate) conversation: ConversationId,
    /// The page that asked; the token is good there only.
    pub(crate) origin: String,
    /// What the token is for.
    aud: String,
    /// Its end, seconds of the epoch.
    pub(crate) exp: i64,
}

/// What a visitor token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VisitorClaims {
    /// The channel.
    pub(crate) channel: ChannelId,
    /// Who it is.
    pub(crate) visitor: VisitorId,
    /// What was talked in last.
    pub(crate) conversation: ConversationId,
    /// The page that asked.
    pub(crate) origin: String,
    aud: String,
    exp: i64,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadToken {
    /// Not signed by us, or for something else.
    #[error("the token is not one of this widget")]
    Invalid,
    /// Past its end.
    #[error("the token has expired; ask for a new session")]
    Expired,
}

/// Signs and verifies with one key.
#[derive(Clone)]
pub(crate) struct VisitorTokens {
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl std::fmt::Debug for VisitorTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VisitorTokens(***)")
    }
}

impl VisitorTokens {
    /// Tokens of that key.
    pub(crate) fn new(key: &Secret<String>) -> Self {
        let key = key.expose().as_bytes();
        Self {
            signing: EncodingKey::from_secret(key),
            verifying: DecodingKey::from_secret(key),
        }
    }

    /// Signs a session of that visitor, and what remembers it; gives both and the session's end.
    pub(crate) fn issue(
        &self,
        now: i64,
        creator: CreatorId,
        visitor: &VisitorClaims,
    ) -> Result<(String, String, i64), jsonwebtoken::errors::Error> {
        let exp = now + SESSION_LIFE;
        let session = SessionClaims {
            channel: visitor.channel,
            creator,
            visitor: visitor.visitor,
            conversation: visitor.conversation,
            origin: visitor.origin.clone(),
            aud: SESSION.to_owned(),
            exp,
        };
        let remembered = VisitorClaims {
            exp: now + VISITOR_LIFE,
            ..visitor.clone()
        };
        Ok((self.sign(&session)?, self.sign(&remembered)?, exp))
    }

    /// Verifies a session token.
    pub(crate) fn session(&self, token: &str) -> Result<SessionClaims, BadToken> {
        self.verify(token, SESSION)
    }

    /// Verifies a visitor token.
    pub(crate) fn visitor(&self, token: &str) -> Result<VisitorClaims, BadToken> {
        self.verify(token, VISITOR)
    }

    fn sign<T: Serialize>(&self, claims: &T) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing)
    }

    fn verify<T: DeserializeOwned>(&self, token: &str, audience: &str) -> Result<T, BadToken> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.leeway = 0;
        rules.set_audience(&[audience]);
        rules.set_required_spec_claims(&["exp", "aud"]);
        jsonwebtoken::decode::<T>(token, &self.verifying, &rules)
            .map(|token| token.claims)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => BadToken::Expired,
                _ => BadToken::Invalid,
            })
    }
}

impl VisitorClaims {
    /// A visitor on that page.
    pub(crate) fn new(
        channel: ChannelId,
        visitor: VisitorId,
        conversation: ConversationId,
        origin: &str,
    ) -> Self {
        Self {
            channel,
            visitor,
            conversation,
            origin: origin.to_owned(),
            aud: VISITOR.to_owned(),
            exp: 0,
        }
    }
}
