//! Access tokens can be verified with the published key set.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::test_app::{TestApp, client};

#[tokio::test]
async fn the_published_key_verifies_a_token_without_our_code() {
    let app = TestApp::new().await;
    let token = app.register("ana@example.com").await.access;
    let answer = app.client.get("/auth/.well-known/jwks.json").await;
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
    let set = answer.json();
    let [key] = set["keys"].as_array().unwrap().as_slice() else {
        panic!("{set}")
    };

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let part =
        |text: &str| -> Value { serde_json::from_slice(&BASE64.decode(text).unwrap()).unwrap() };
    let (head, claims) = (part(head), part(claims));
    assert_eq!(head["alg"], "EdDSA");
    assert_eq!(head["kid"], key["kid"]);
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        900
    );
    assert_eq!(
        (&claims["role"], &claims["iss"]),
        (&"owner".into(), &"creator-platform".into())
    );

    let x: [u8; 32] = BASE64
        .decode(key["x"].as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap();
    let public = VerifyingKey::from_bytes(&x).unwrap();
    let signature = Signature::from_slice(&BASE64.decode(signature).unwrap()).unwrap();
    public.verify(signed.as_bytes(), &signature).unwrap();
    assert!(
        public
            .verify(format!("{signed}x").as_bytes(), &signature)
            .is_err()
    );
}

#[tokio::test]
async fn the_key_id_is_the_thumbprint_and_no_secret_is_published() {
    let app = TestApp::new().await;
    let set = app.client.get("/auth/.well-known/jwks.json").await.json();
    let key = &set["keys"][0];
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, key["x"]);
    assert_eq!(key["kid"], BASE64.encode(Sha256::digest(members)));
    assert_eq!((&key["use"], &key["alg"]), (&"sig".into(), &"EdDSA".into()));
    assert!(key.get("d").is_none());
    let again = client(&app.config)
        .get("/auth/.well-known/jwks.json")
        .await
        .json();
    assert_eq!(again, set, "every replica publishes the same key");
}
