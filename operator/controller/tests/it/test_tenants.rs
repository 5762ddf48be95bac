//! Tenants against a real API server and a real auth: what is declared is so, and stays so.

use kube::api::{Api, DeleteParams};
use operator_core::api::Tenant;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::server::client;
use crate::tenants::{PACE, Tenants, is_ready, ready};
use crate::test_rights::{for_tenants, grant, until_granted, used};
use crate::wire::Fault;

const PASSWORD: &str = "Lantern-7-Harbour";

fn value(secret: &k8s_openapi::api::core::v1::Secret, key: &str) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_tenant_is_provisioned_its_owner_comes_in_and_nothing_is_written_twice() {
    let tenants = Tenants::new("tenant").await;
    let operator = tenants.operator().await;
    tenants.apply(&tenants.body("ada")).await;
    let took = tenants.until_ready("ada").await;
    println!("measured: a Tenant is ready after {} ms", took.as_millis());
    let status = tenants.get("ada").await.status.unwrap();
    assert_eq!(status.owner_secret_ref.unwrap().name, "ada-owner");
    let secret = tenants.owner_secret("ada").await.unwrap();
    assert_eq!(value(&secret, "email"), "ada@example.org");
    let accept = json!({"token": value(&secret, "token"), "password": PASSWORD});
    let (code, body) = tenants
        .auth
        .post("/auth/v1/owner-invitations/accept", &accept)
        .await;
    assert_eq!((code, &body["creator"]["plan"]), (200, &json!("pro")));
    assert_eq!(body["creator"]["id"], json!(status.creator_id.unwrap()));
    // Two resyncs and more: the owner is in, which the census tells, and then nothing more.
    sleep(PACE.tenant * 3).await;
    operator.calls.clear();
    sleep(PACE.tenant * 3).await;
    assert!(
        operator.calls.writes().is_empty(),
        "{:#?}",
        operator.calls.writes()
    );
    assert!(
        tenants
            .get("ada")
            .await
            .status
            .unwrap()
            .owner_secret_ref
            .is_none()
    );
    operator.stop().await;
    // A successor that remembers nothing finds everything as it should be.
    let successor = tenants.operator().await;
    sleep(PACE.tenant * 2).await;
    assert!(
        successor.calls.writes().is_empty(),
        "{:#?}",
        successor.calls.writes()
    );
    successor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn changes_suspension_and_drift_reach_the_account() {
    let tenants = Tenants::new("tenant-change").await;
    let operator = tenants.operator().await;
    tenants.apply(&tenants.body("ada")).await;
    tenants.until_ready("ada").await;
    let settings = || {
        tenants.auth.sql(
            "select c.display_name, s.plan, s.quotas->>'documents', s.allowed_origins,
               s.suspended_at is not null
             from auth.creators c join platform.tenant_settings s using (creator_id)",
        )
    };
    let declared = "Ada's Coaching|pro|500|{https://a.example.org,https://b.example.org}|f";
    assert_eq!(settings(), declared);
    let change = json!({"spec": {
        "displayName": "Ada", "plan": "free", "quotas": {"documents": 7},
        "allowedOrigins": ["https://c.example.org"], "suspend": true}});
    tenants.merge("ada", change).await;
    tenants.until_ready("ada").await;
    assert_eq!(settings(), "Ada|free|7|{https://c.example.org}|t");
    assert_eq!(
        ready(&tenants.get("ada").await).unwrap().reason,
        "TenantSuspended"
    );
    let mut back = tenants.body("ada")["spec"].clone();
    back["quotas"] = Value::Null;
    back["suspend"] = json!(false);
    tenants.merge("ada", json!({"spec": back})).await;
    tenants.until_ready("ada").await;
    assert_eq!(settings(), declared);
    for behind in [
        "update auth.creators set display_name = 'Somebody'",
        "update platform.tenant_settings set plan = 'enterprise', suspended_at = now()",
        "update platform.tenant_settings set quotas = '{}', allowed_origins = '{}'",
    ] {
        tenants.auth.sql(behind);
        let mended = async || (settings() == declared).then_some(());
        tenants.world.until_some(behind, mended).await;
    }
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_deleted_secret_is_written_anew_until_the_owner_is_in_and_a_foreign_one_is_left_alone() {
    let tenants = Tenants::new("tenant-secret").await;
    let operator = tenants.operator().await;
    tenants.apply(&tenants.body("ada")).await;
    tenants.until_ready("ada").await;
    let first = tenants.owner_secret("ada").await.unwrap();
    let secrets: Api<k8s_openapi::api::core::v1::Secret> =
        Api::namespaced(tenants.world.client.clone(), &tenants.world.namespace);
    secrets
        .delete("ada-owner", &DeleteParams::default())
        .await
        .unwrap();
    let again = async || tenants.owner_secret("ada").await;
    let second = tenants.world.until_some("a Secret", again).await;
    assert_eq!(
        value(&second, "token"),
        value(&first, "token"),
        "the one that is open"
    );
    let foreign = json!({"metadata": {"name": "eve-owner"}, "stringData": {"mine": "alone"}});
    let foreign = serde_json::from_value(foreign).unwrap();
    secrets
        .create(&kube::api::PostParams::default(), &foreign)
        .await
        .unwrap();
    tenants.apply(&tenants.body("eve")).await;
    tenants.until_reason("eve", "NotOwned").await;
    let untouched = tenants.owner_secret("eve").await.unwrap();
    assert_eq!(value(&untouched, "mine"), "alone");
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_retained_tenant_is_suspended_and_one_to_be_erased_waits_for_its_confirmation() {
    let tenants = Tenants::new("tenant-delete").await;
    let operator = tenants.operator().await;
    tenants.apply(&tenants.body("ada")).await;
    let mut erased = tenants.body("eve");
    erased["spec"]["deletionPolicy"] = json!("Delete");
    tenants.apply(&erased).await;
    tenants.until_ready("ada").await;
    tenants.until_ready("eve").await;
    tenants.delete("ada").await;
    tenants.until_gone("ada").await;
    let suspended = "select c.managed_by, s.suspended_at is not null from auth.creators c
                     join platform.tenant_settings s using (creator_id) order by 1";
    let namespace = &tenants.world.namespace;
    let expected = format!("{namespace}/ada|t\n{namespace}/eve|f");
    assert_eq!(tenants.auth.sql(suspended), expected);
    tenants.delete("eve").await;
    tenants.until_reason("eve", "DeletionNotConfirmed").await;
    sleep(PACE.tenant * 2).await;
    assert_eq!(
        tenants.auth.sql(suspended),
        expected,
        "nothing is erased unconfirmed"
    );
    let abandon = json!({"metadata": {"annotations": {"creatorplatform.io/abandon": "true"}}});
    tenants.merge("eve", abandon).await;
    tenants.until_gone("eve").await;
    assert_eq!(
        tenants.auth.sql(suspended),
        expected,
        "the escape leaves the data"
    );
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_outage_of_auth_delays_and_converges_and_the_count_is_told() {
    let mut tenants = Tenants::new("tenant-outage").await;
    let operator = tenants.operator().await;
    tenants.apply(&tenants.body("before")).await;
    tenants.until_ready("before").await;
    tenants.auth.kill();
    tenants.apply(&tenants.body("during")).await;
    let tried = |tenant: &Tenant| {
        let reason = ready(tenant).map(|one| one.reason.clone());
        matches!(
            reason.as_deref(),
            Some("ObserveFailed" | "ProvisioningFailed")
        )
    };
    tenants.until("during", "tried", tried).await;
    tenants.auth.start_again().await;
    let took = tenants.until_ready("during").await;
    println!(
        "measured: ready {} ms after auth came back",
        took.as_millis()
    );
    tenants.until_ready("before").await;
    let told = |platform: &operator_core::api::CreatorPlatform| {
        let status = platform.status.as_ref();
        let count = status.and_then(|status| status.tenants).unwrap_or_default();
        (count.total, count.ready) == (2, 2)
    };
    tenants
        .world
        .until(&tenants.platform, "counting two Tenants", told)
        .await;
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn who_is_not_let_in_or_comes_second_or_too_early_is_told_why() {
    let tenants = Tenants::new("tenant-refused").await;
    let operator = tenants.operator().await;
    let with = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut body = tenants.body(name);
        change(&mut body);
        body
    };
    let elsewhere = with("elsewhere", &|body| {
        body["spec"]["platformRef"]["namespace"] = json!("another-namespace");
    });
    let early = with("early", &|body| {
        body["spec"]["platformRef"]["name"] = json!("not-yet");
    });
    tenants.apply(&elsewhere).await;
    tenants.apply(&early).await;
    tenants
        .until_reason("elsewhere", "NamespaceNotAllowed")
        .await;
    tenants.until_reason("early", "PlatformNotFound").await;
    tenants.apply(&tenants.body("first")).await;
    tenants.until_ready("first").await;
    let second = with("second", &|body| {
        body["spec"]["owner"]["email"] = json!("First@example.org");
    });
    tenants.apply(&second).await;
    tenants.until_reason("second", "OwnerEmailInUse").await;
    assert!(
        is_ready(&tenants.get("first").await),
        "the older one is not disturbed"
    );
    assert_eq!(tenants.auth.sql("select count(*) from auth.creators"), "1");
    for name in ["elsewhere", "early", "second"] {
        tenants.delete(name).await;
        tenants.until_gone(name).await;
    }
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn the_rights_that_the_chart_grants_suffice_for_tenants() {
    let tenants = Tenants::new("tenant-rights").await;
    let mut config = tenants.world.config.clone();
    config.auth_info.impersonate = Some(grant(&tenants.world).await);
    until_granted(&tenants.world, &client(&config)).await;
    let operator = tenants.operator_as(&config, Fault::None, PACE).await;
    tenants.apply(&tenants.body("ada")).await;
    tenants.until_ready("ada").await;
    tenants.delete("ada").await;
    tenants.until_gone("ada").await;
    let calls = operator.calls.all();
    let refused: Vec<_> = calls.iter().filter(|call| call.status == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(used(&operator).is_superset(&for_tenants()));
    operator.stop().await;
}
