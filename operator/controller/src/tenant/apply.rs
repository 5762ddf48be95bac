//! Carries the plan of a Tenant out, one step after the other.

use std::time::Duration;

use super::auth::AuthError;
use super::directory::platform_name;
use crate::context::Context;
use crate::error::{code, describe};
use crate::fence::{NotHeld, Permit};
use crate::observe::Subject;
use crate::seen::PlatformName;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams, PostParams};
use operator_core::api::tenant::Erasure;
use operator_core::api::{GROUP, Tenant, VERSION};
use operator_core::plan::{FIELD_MANAGER, labels};
use operator_core::tenant::status::{Applied, Failure};
use operator_core::tenant::wire::Invitation;
use operator_core::tenant::{FINALIZER, OWNER_OF, Step};
use serde_json::{Value, json};

/// What was done, and when auth wants to be asked again.
#[derive(Default)]
pub(super) struct Done {
    pub(super) applied: Applied,
    pub(super) after: Option<Duration>,
}

/// Does what the plan says, up to the first step that fails.
pub(super) async fn apply(
    context: &Context,
    permit: &Permit<'_>,
    tenant: &Tenant,
    subject: &Subject,
    steps: &[Step],
) -> Done {
    let mut hand = Hand {
        context,
        permit,
        tenant,
        subject,
        platform: platform_name(tenant),
        done: Done::default(),
        invitation: None,
    };
    for step in steps {
        if let Err(refused) = hand.carry_out(step).await {
            let (failure, after) = failure(refused);
            hand.done.applied.failure = Some(failure);
            hand.done.after = after;
            break;
        }
        if hand.unfinished() {
            break;
        }
    }
    hand.done
}

enum Refused {
    Api(kube::Error),
    Auth(AuthError),
    Body(serde_json::Error),
    NotHeld(NotHeld),
}

impl From<NotHeld> for Refused {
    fn from(error: NotHeld) -> Self {
        Self::NotHeld(error)
    }
}

impl From<kube::Error> for Refused {
    fn from(error: kube::Error) -> Self {
        Self::Api(error)
    }
}

impl From<AuthError> for Refused {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

struct Hand<'a> {
    context: &'a Context,
    permit: &'a Permit<'a>,
    tenant: &'a Tenant,
    subject: &'a Subject,
    platform: PlatformName,
    done: Done,
    invitation: Option<Invitation>,
}

impl Hand<'_> {
    async fn carry_out(&mut self, step: &Step) -> Result<(), Refused> {
        let (client, auth) = (&self.context.client, &self.context.auth);
        let uid = &self.subject.uid;
        // The requests to auth pass no fence on their way.
        self.permit.check()?;
        match step {
            Step::AddFinalizer => self.patch_finalizers(&self.adding()).await?,
            Step::Provision(wish) => {
                let mut account = auth.put(client, &self.platform, uid, wish).await?;
                self.invitation = account.invitation.take();
                let known = Some(account.clone());
                self.context.census.learn(&self.platform, uid, known).await;
                self.done.applied.account = Some(account);
            }
            Step::CreateOwnerSecret {
                name,
                public_url,
                email,
            } => {
                // An owner who has come in meanwhile needs none.
                let Some(invitation) = self.invitation.take() else {
                    return Ok(());
                };
                let body = self.secret(name, public_url, email, &invitation);
                self.create_secret(body).await?;
                self.done.applied.owner_secret = true;
            }
            Step::Erase(creator) => {
                let erasure = auth.erase(client, &self.platform, uid, creator).await?;
                self.context.census.learn(&self.platform, uid, None).await;
                self.done.applied.erasure = Some(erasure);
            }
            Step::RemoveFinalizer => {
                if let Some(removal) = self.removal() {
                    self.patch_finalizers(&removal).await?;
                }
                self.done.applied.released = true;
            }
        }
        self.done.applied.writes += 1;
        Ok(())
    }

    /// What was erased is reported before the Tenant goes, so that is for the next look.
    const fn unfinished(&self) -> bool {
        self.done.applied.erasure.is_some()
    }

    /// The test of the UID keeps this off a Tenant that was made anew under the same name.
    async fn patch_finalizers(&self, operations: &Value) -> Result<(), Refused> {
        let tenants: Api<Tenant> =
            Api::namespaced(self.context.client.clone(), &self.subject.name.namespace);
        let patch = serde_json::from_value(operations.clone()).map_err(Refused::Body)?;
        let patched = tenants
            .patch_metadata(
                &self.subject.name.name,
                &PatchParams::default(),
                &Patch::Json::<()>(patch),
            )
            .await;
        match patched {
            Err(error) if code(&error) != Some(404) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn adding(&self) -> Value {
        let uid = json!({"op": "test", "path": "/metadata/uid", "value": self.subject.uid});
        if self.tenant.finalizers().is_empty() {
            return json!([
                uid,
                {"op": "test", "path": "/metadata/finalizers", "value": null},
                {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
            ]);
        }
        json!([uid, {"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER}])
    }

    fn removal(&self) -> Option<Value> {
        let mut finalizers = self.tenant.finalizers().iter();
        let place = finalizers.position(|name| name == FINALIZER)?;
        let path = format!("/metadata/finalizers/{place}");
        Some(json!([
            {"op": "test", "path": "/metadata/uid", "value": self.subject.uid},
            {"op": "test", "path": path, "value": FINALIZER},
            {"op": "remove", "path": path},
        ]))
    }

    fn secret(&self, name: &str, url: &str, email: &str, invitation: &Invitation) -> Value {
        let Subject { name: own, uid, .. } = self.subject;
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": own.namespace,
                "labels": {
                    labels::MANAGED_BY: labels::MANAGER,
                    labels::PART_OF: labels::PRODUCT,
                    OWNER_OF: own.name,
                },
                "ownerReferences": [{
                    "apiVersion": format!("{GROUP}/{VERSION}"),
                    "kind": "Tenant",
                    "name": own.name,
                    "uid": uid,
                    "controller": true,
                }],
            },
            "stringData": {
                "email": email,
                "token": invitation.token,
                "expires-at": invitation.expires_at,
                "url": format!("{url}/auth/v1/owner-invitations/accept"),
            },
        })
    }

    async fn create_secret(&self, body: Value) -> Result<(), Refused> {
        let secrets: Api<Secret> =
            Api::namespaced(self.context.client.clone(), &self.subject.name.namespace);
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let secret: Secret = serde_json::from_value(body).map_err(Refused::Body)?;
        secrets.create(&params, &secret).await?;
        Ok(())
    }
}

/// An erasure that has ended, well or not.
pub(super) fn has_ended(erasure: &Erasure) -> bool {
    erasure.state != "running"
}

fn failure(refused: Refused) -> (Failure, Option<Duration>) {
    match refused {
        Refused::Api(error) => (Failure::Transient(describe(&error)), None),
        Refused::Body(error) => (Failure::Transient(error.to_string()), None),
        Refused::NotHeld(error) => (Failure::Transient(error.to_string()), None),
        Refused::Auth(AuthError::OwnerTaken) => (Failure::OwnerTaken, None),
        Refused::Auth(AuthError::Refused(text)) => (Failure::Refused(text), None),
        Refused::Auth(error) => {
            let text = error.to_string();
            let AuthError::Later { after, .. } = error else {
                return (Failure::Transient(text), None);
            };
            (Failure::Transient(text), after)
        }
    }
}
