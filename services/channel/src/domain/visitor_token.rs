//! Tokens of a widget's visitor: the session token opens a socket, the visitor token resumes a
//! conversation later.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared_config::Secret;
use shared_models::{ChannelId, ConversationId, CreatorId, VisitorId};

/// Lifetime of a session token, seconds; the widget renews it by itself.
const SESSION_TTL: i64 = 3600;
/// Lifetime of a visitor token, seconds: 90 days.
const VISITOR_TTL: i64 = 90 * 24 * 3600;
/// `aud` of a session token.
const SESSION_AUDIENCE: &str = "widget-session";
/// `aud` of a visitor token.
const VISITOR_AUDIENCE: &str = "widget-visitor";

/// Claims of a session token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionClaims {
    pub(crate) channel: ChannelId,
    /// The tenant that owns the channel.
    pub(crate) creator: CreatorId,
    pub(crate) visitor: VisitorId,
    pub(crate) conversation: ConversationId,
    /// The page that the token was issued to; it is valid only there.
    pub(crate) origin: String,
    aud: String,
    /// Expiry, seconds since the epoch.
    pub(crate) exp: i64,
}

/// Claims of a visitor token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VisitorClaims {
    pub(crate) channel: ChannelId,
    pub(crate) visitor: VisitorId,
    /// The visitor's latest conversation.
    pub(crate) conversation: ConversationId,
    /// The page that the token was issued to.
    pub(crate) origin: String,
    aud: String,
    exp: i64,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadToken {
    /// A wrong signature, audience, channel or page.
    #[error("the token was not issued for this widget and page")]
    Invalid,
    #[error("the token has expired; request a new session")]
    Expired,
}

/// The tokens of one session.
#[derive(Debug)]
pub(crate) struct IssuedTokens {
    pub(crate) session: String,
    pub(crate) visitor: String,
    /// Expiry of the session token, seconds since the epoch.
    pub(crate) session_expiry: i64,
}

/// Signs and verifies visitors' tokens with one key.
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
    pub(crate) fn new(key: &Secret<String>) -> Self {
        let bytes = key.expose().as_bytes();
        Self {
            signing: EncodingKey::from_secret(bytes),
            verifying: DecodingKey::from_secret(bytes),
        }
    }

    /// Signs a session token for that visitor and a new visitor token.
    pub(crate) fn issue(
        &self,
        now: i64,
        creator: CreatorId,
        visitor: &VisitorClaims,
    ) -> Result<IssuedTokens, jsonwebtoken::errors::Error> {
        let session_expiry = now + SESSION_TTL;
        let session = SessionClaims {
            channel: visitor.channel,
            creator,
            visitor: visitor.visitor,
            conversation: visitor.conversation,
            origin: visitor.origin.clone(),
            aud: SESSION_AUDIENCE.to_owned(),
            exp: session_expiry,
        };
        let renewed = VisitorClaims {
            exp: now + VISITOR_TTL,
            ..visitor.clone()
        };
        Ok(IssuedTokens {
            session: self.sign(&session)?,
            visitor: self.sign(&renewed)?,
            session_expiry,
        })
    }

    /// Verifies a session token.
    pub(crate) fn session(&self, token: &str) -> Result<SessionClaims, BadToken> {
        self.verify(token, SESSION_AUDIENCE)
    }

    /// Verifies a visitor token.
    pub(crate) fn visitor(&self, token: &str) -> Result<VisitorClaims, BadToken> {
        self.verify(token, VISITOR_AUDIENCE)
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
            .map(|decoded| decoded.claims)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => BadToken::Expired,
                _ => BadToken::Invalid,
            })
    }
}

impl VisitorClaims {
    /// Claims of a visitor on that page; `issue` sets the expiry.
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
            aud: VISITOR_AUDIENCE.to_owned(),
            exp: 0,
        }
    }
}
