//! Signs access tokens like auth, with a key of this test run.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use shared_auth::AccessClaims;
use shared_auth::{TokenVerifier, VerifierSettings};
use shared_config::Service;
use shared_models::{CreatorId, Role, SessionId, UserId};
use shared_rpc::http_client;
use uuid::Uuid;

use crate::service_keys::all_service_keys;

/// DER of an Ed25519 private key up to its 32 bytes (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];

/// Signs what a test needs.
#[derive(Debug, Clone)]
pub struct TokenMint {
    key: EncodingKey,
    kid: String,
    settings: VerifierSettings,
}

impl Default for TokenMint {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenMint {
    /// A signer with a new key.
    pub fn new() -> Self {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).expect("randomness");
        let key = EncodingKey::from_ed_der(&[&PKCS8_HEAD[..], &seed[..]].concat());
        let settings = VerifierSettings {
            issuer: "creator-platform".to_owned(),
            audience: "creator-platform-api".to_owned(),
            auth_url: "http://127.0.0.1:1".to_owned(),
            service_keys: all_service_keys(),
        };
        Self {
            key,
            kid: Uuid::new_v4().simple().to_string(),
            settings,
        }
    }

    /// A service's verifier that knows this mint's key.
    pub fn verifier(&self, service: Service) -> TokenVerifier {
        let http = http_client::new().expect("an HTTP client");
        let verifier = TokenVerifier::new(service, self.settings.clone(), http);
        verifier.replace_keys(&self.key_set());
        verifier
    }

    /// The settings of a verifier, with another address of auth.
    pub fn settings(&self, auth_url: &str) -> VerifierSettings {
        VerifierSettings {
            auth_url: auth_url.to_owned(),
            ..self.settings.clone()
        }
    }

    /// The public key, as auth publishes it.
    pub fn key_set(&self) -> JwkSet {
        let mut key = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA).expect("a public key");
        key.common.key_id = Some(self.kid.clone());
        JwkSet { keys: vec![key] }
    }

    /// An owner's token.
    pub fn owner(&self, creator: CreatorId) -> String {
        self.sign(&self.claims(creator, Role::Owner))
    }

    /// Claims of a fresh token, to be changed at will.
    pub fn claims(&self, creator: CreatorId, role: Role) -> AccessClaims {
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        AccessClaims {
            sub: UserId::new(),
            creator_id: creator,
            role,
            scopes: Vec::new(),
            sid: SessionId::new(),
            jti: Uuid::now_v7(),
            iss: self.settings.issuer.clone(),
            aud: self.settings.audience.clone(),
            iat: now,
            exp: now + 900,
        }
    }

    /// Signs claims.
    pub fn sign(&self, claims: &AccessClaims) -> String {
        let mut head = Header::new(Algorithm::EdDSA);
        head.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&head, claims, &self.key).expect("a token")
    }
}
