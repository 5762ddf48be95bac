//! A verified credential: whom it stands for, and until when.

use shared_config::Service;
use uuid::Uuid;

use crate::api_key::KeyIdentity;
use crate::claims::{AccessClaims, ServiceClaims};
use crate::error::AuthError;
use crate::identity::{Identity, Principal, Validity};
use crate::revocation::Subject;

/// Tolerated clock difference between machines, seconds.
pub(crate) const CLOCK_LEEWAY: u64 = 5;
/// How long a resolved API key is trusted, seconds.
const API_KEY_TTL: i64 = 60;

/// A verified credential.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) identity: Identity,
    /// When it must be verified again, seconds since the epoch.
    pub(crate) expires_at: i64,
}

impl Credential {
    /// The subjects to look up in Redis. The creator of an API key is left out: auth has just
    /// answered with what that user may do now, and a later revocation has auth asked again.
    pub(crate) fn subjects_to_look_up(&self) -> Vec<Subject> {
        let by_key = matches!(self.identity.principal, Principal::ApiKey { .. });
        let answered = |subject: &Subject| by_key && matches!(subject, Subject::User(_));
        let all = self.identity.validity.subjects.iter().copied();
        all.filter(|subject| !answered(subject)).collect()
    }

    /// A token of another service.
    pub(crate) fn of_service(service: Service, claims: &ServiceClaims) -> Result<Self, AuthError> {
        Ok(Self {
            identity: Identity {
                tenant: claims.creator_id.ok_or(AuthError::InvalidToken)?,
                principal: Principal::Service(service),
                // The calling service ends what it has begun for a caller of its own.
                validity: Validity::default(),
            },
            expires_at: claims.exp,
        })
    }

    /// An access token.
    pub(crate) fn of_user(claims: AccessClaims, signed_with: Subject) -> Self {
        let subjects = [
            signed_with,
            Subject::Session(claims.sid),
            Subject::User(claims.sub),
            Subject::Tenant(claims.creator_id),
        ];
        let principal = Principal::User {
            id: claims.sub,
            role: claims.role,
            session: claims.sid,
            scopes: claims.scopes,
        };
        Self {
            identity: Identity {
                tenant: claims.creator_id,
                principal,
                validity: Validity {
                    subjects: subjects.into(),
                    issued_at: issued_at(claims.jti, claims.iat),
                    // Until then a new request with it is accepted.
                    ends_at: Some(claims.exp.saturating_add_unsigned(CLOCK_LEEWAY)),
                },
            },
            expires_at: claims.exp,
        }
    }

    /// An API key that was resolved just now.
    pub(crate) fn of_key(key: KeyIdentity, asked_at: i64, now: i64) -> Self {
        let mut subjects = vec![Subject::ApiKey(key.id), Subject::Tenant(key.creator_id)];
        subjects.extend(key.created_by.map(Subject::User));
        let trusted_until = now.saturating_add(API_KEY_TTL);
        let principal = Principal::ApiKey {
            id: key.id,
            scopes: key.scopes,
        };
        Self {
            identity: Identity {
                tenant: key.creator_id,
                principal,
                validity: Validity {
                    subjects: subjects.into(),
                    // By the clock of the database, as the revocations that it is compared with.
                    issued_at: key.read_at.unwrap_or(asked_at),
                    ends_at: key.expires_at,
                },
            },
            expires_at: key
                .expires_at
                .map_or(trusted_until, |end| end.min(trusted_until)),
        }
    }
}

/// When a token was signed, milliseconds since the epoch. `iat` has whole seconds only; the time
/// in the UUIDv7 of `jti` is finer, and a role may change twice a second.
fn issued_at(jti: Uuid, iat: i64) -> i64 {
    let precise = jti.get_timestamp().map(|at| {
        let (seconds, nanoseconds) = at.to_unix();
        seconds.cast_signed() * 1000 + i64::from(nanoseconds / 1_000_000)
    });
    precise.unwrap_or(iat * 1000)
}
