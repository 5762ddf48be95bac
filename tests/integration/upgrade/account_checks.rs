//! Do people and programs still get into their accounts, and nobody else?

use reqwest::Method;
use serde_json::{Value, json};
use shared_config::Service::{Auth, CreatorHub};
use totp_rs::{Algorithm, Builder, Secret};

use super::fixture::Person;
use super::{Check, Upgraded, expect, same};

async fn post(up: &Upgraded, path: &str, body: &Value, status: u16) -> Result<Value, String> {
    let request = up.request(Method::POST, Auth, path).json(body);
    expect(request, status, &format!("{path} {body}")).await
}

async fn login(up: &Upgraded, person: &Person, status: u16) -> Result<Value, String> {
    let body = json!({"email": person.email, "password": person.password});
    post(up, "/v1/login", &body, status).await
}

/// A suspended account stays suspended although Redis knows nothing of it, until its resource says
/// otherwise.
pub(super) async fn suspension(up: &Upgraded) -> Check {
    let mut failed = Ok(());
    for account in &up.fixture.accounts {
        if !account.suspended {
            continue;
        }
        let refused = login(up, account.owner(), 403).await;
        let refused = refused.and_then(|body| {
            let code = body["code"].as_str().unwrap_or_default();
            same(&account.name, code, "tenant_suspended")
        });
        failed = failed.and(refused);
        let resource = account.resource.as_ref().ok_or("no resource")?;
        let resumed = up.all.provision(resource.uid, &resource.wish).await;
        let creator = resumed["creator_id"].as_str().unwrap_or_default();
        same(
            "the resource's account",
            creator,
            &account.creator_id.to_string(),
        )?;
    }
    failed
}

/// Each session goes on; a token that was exchanged already ends its session, as it always did.
pub(super) async fn sessions(up: &mut Upgraded) -> Check {
    let mut failed = Ok(());
    let mut tokens = Vec::new();
    for account in &up.fixture.accounts {
        for person in &account.people {
            let found = match session(up, person).await {
                Ok((token, me)) => {
                    if person.role == "owner" {
                        tokens.push((account.creator_id, token));
                    }
                    let found = [
                        &me["user"]["email"],
                        &me["user"]["role"],
                        &me["creator"]["plan"],
                    ];
                    let expected = [&person.email, &person.role, &account.plan];
                    same(
                        "/v1/me",
                        found.map(Value::as_str),
                        expected.map(|text| Some(&**text)),
                    )
                }
                Err(error) => Err(error),
            };
            failed = failed.and(found);
            if person.role != "owner" {
                failed = failed.and(spent(up, person).await);
            }
        }
    }
    up.tokens = tokens.into_iter().collect();
    failed
}

async fn session(up: &Upgraded, person: &Person) -> Result<(String, Value), String> {
    let body = json!({"refresh_token": person.refresh_token});
    let tokens = post(up, "/v1/refresh", &body, 200).await?;
    let token = tokens["access_token"].as_str().ok_or("no token")?;
    let me = up.request(Method::GET, Auth, "/v1/me").bearer_auth(token);
    Ok((token.to_owned(), expect(me, 200, "/v1/me").await?))
}

async fn spent(up: &Upgraded, person: &Person) -> Check {
    let body = json!({"refresh_token": person.spent_refresh_token});
    let refused = post(up, "/v1/refresh", &body, 401).await?;
    let code = refused["code"].as_str();
    same("a spent token", code, Some("invalid_refresh_token"))
}

/// The sealed secret opens: codes of the same app are accepted, and so are recovery codes.
pub(super) async fn second_factor(up: &Upgraded) -> Check {
    let people = up
        .fixture
        .accounts
        .iter()
        .flat_map(|account| &account.people);
    let mut enrolled = 0;
    for person in people {
        let Some(secret) = &person.totp_secret else {
            continue;
        };
        enrolled += 1;
        let recovery = person.recovery_codes.first();
        for proof in [
            json!({"code": code(secret)}),
            json!({"recovery_code": recovery}),
        ] {
            let first = login(up, person, 200).await?;
            same("mfa_required", first["mfa_required"].as_bool(), Some(true))?;
            let mut body = proof;
            body["challenge"] = first["challenge"].clone();
            post(up, "/v1/login/totp", &body, 200).await?;
        }
    }
    same("people with a second factor", enrolled, 1)
}

/// The code that an authenticator app shows now.
fn code(secret: &str) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let app = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_secret(secret.as_bytes().to_vec())
        .build()
        .unwrap();
    let now = jiff::Timestamp::now().as_second();
    app.generate(now.cast_unsigned()).to_string()
}

pub(super) async fn api_keys(up: &Upgraded) -> Check {
    let mut checked = 0;
    for account in &up.fixture.accounts {
        let keys = [(&account.api_key, 200), (&account.revoked_api_key, 401)];
        for (key, status) in keys {
            let Some(key) = key else { continue };
            let list = up.request(Method::GET, CreatorHub, "/v1/documents");
            expect(list.bearer_auth(key), status, "by an API key").await?;
            checked += 1;
        }
    }
    same("API keys", checked, 2)
}

/// Keys that signed access tokens before the upgrade still verify them.
pub(super) async fn signing_keys(up: &Upgraded) -> Check {
    let administrator = &up.fixture.accounts[0];
    let list = up.as_owner(administrator, Method::GET, Auth, "/v1/keys");
    let found = expect(list, 200, "/v1/keys").await?;
    let found: Vec<_> = found["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|key| key["kid"].as_str())
        .collect();
    for kid in &up.fixture.signing_keys {
        if !found.contains(&kid.as_str()) {
            return Err(format!("{kid} is not among {found:?}"));
        }
    }
    Ok(())
}

/// E-mails that wait are opened, and the code in one of them is accepted.
pub(super) async fn emails(up: &Upgraded) -> Check {
    let outbox = up.all.output(Auth, &["outbox"]);
    let outbox = outbox.map_err(|complaint| format!("outbox fails: {complaint}"))?;
    for account in &up.fixture.accounts {
        for email in &account.emails {
            let line = format!("to {}: {}", email.to, email.subject);
            same(&line, outbox.contains(&line), true)?;
        }
        if let Some(code) = &account.verification_code {
            same("the code of an e-mail", outbox.contains(code), true)?;
            let body = json!({"token": code});
            post(up, "/v1/email/verification/confirm", &body, 204).await?;
        }
        if let Some(code) = &account.reset_code {
            same("the code of a reset", outbox.contains(code), true)?;
            let body = json!({"token": code, "new_password": "Orchard-9-Window"});
            post(up, "/v1/password/reset/confirm", &body, 204).await?;
        }
    }
    Ok(())
}

/// Who was invited comes in: a member, and the owner of an account that a resource describes, by
/// the same invitation that the resource is told of.
pub(super) async fn invites(up: &Upgraded) -> Check {
    let invited = &up.fixture.invited_owner;
    let resource = &invited.resource;
    let told = up.all.provision(resource.uid, &resource.wish).await;
    let creator = invited.creator_id.to_string();
    let expected = json!([creator, invited.token]);
    let found = json!([told["creator_id"], told["invitation"]["token"]]);
    same("an owner's invitation", found, expected)?;
    let body = json!({"token": invited.token, "password": "Orchard-9-Window"});
    post(up, "/v1/owner-invitations/accept", &body, 200).await?;
    for account in &up.fixture.accounts {
        if let Some(invite) = &account.open_invite {
            let body = json!({
                "token": invite.token, "full_name": "Rita Holm",
                "password": account.owner().password,
            });
            let joined = post(up, "/v1/invites/accept", &body, 201).await?;
            let role = joined["user"]["role"].as_str();
            same("the role of an invite", role, Some(&*invite.role))?;
        }
    }
    Ok(())
}

pub(super) async fn consents(up: &Upgraded) -> Check {
    for account in &up.fixture.accounts {
        let list = up.as_owner(account, Method::GET, Auth, "/v1/me/consents");
        let found = expect(list, 200, "/v1/me/consents").await?;
        let items = found["items"].as_array().cloned().unwrap_or_default();
        for (purpose, granted) in &account.consents {
            let item = items.iter().find(|item| item["purpose"] == **purpose);
            let found = item.and_then(|item| item["granted"].as_bool());
            same(purpose, found, Some(*granted))?;
        }
    }
    Ok(())
}

/// The chain of each audit log is whole, and goes on.
pub(super) async fn audit(up: &Upgraded) -> Check {
    for account in &up.fixture.accounts {
        let verify = up.as_owner(account, Method::GET, Auth, "/v1/audit/verification");
        let found = expect(verify, 200, "/v1/audit/verification").await?;
        same(&account.name, found["intact"].as_bool(), Some(true))?;
        let entries = found["entries"].as_i64().unwrap_or_default();
        same("entries since", entries > account.audit_entries, true)?;
    }
    Ok(())
}
