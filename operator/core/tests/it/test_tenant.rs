//! What has to be done for a Tenant, for everything that can be found.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use operator_core::Reason;
use operator_core::api::condition::ConditionStatus;
use operator_core::api::tenant::{DeletionPolicy, Erasure, Tenant, TenantStatus, Usage};
use operator_core::api::tenants::{Plan, Tenants};
use operator_core::resolve::resolve_tenant;
use operator_core::tenant::plan::VerdictKind;
use operator_core::tenant::status::{Applied, Failure, Outcome};
use operator_core::tenant::wire::{Account, Observed, Quotas};
use operator_core::tenant::{
    ABANDON_ANNOTATION, FINALIZER, Facts, OwnerSecret, PlatformFact, Step, TenantPlan, plan, status,
};

use crate::fixtures::root;

pub(crate) const ID: &str = "0190a5e0-0000-7000-8000-000000000001";

fn tenant() -> Tenant {
    let path = root().join("crds/samples/tenant.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut tenant: Tenant = serde_yaml_ng::from_str(&text).unwrap();
    tenant.metadata.namespace = Some("acme".to_owned());
    tenant.metadata.uid = Some("b6e6b0d8-0000-4000-8000-000000000001".to_owned());
    tenant.metadata.generation = Some(1);
    tenant
}

fn kept() -> Tenant {
    let mut tenant = tenant();
    tenant.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    tenant
}

pub(crate) fn deleted(policy: DeletionPolicy) -> Tenant {
    let mut tenant = kept();
    tenant.metadata.deletion_timestamp = Some(Time("2026-11-24T10:00:00Z".parse().unwrap()));
    tenant.spec.deletion_policy = policy;
    tenant.status = Some(TenantStatus {
        creator_id: Some(ID.to_owned()),
        ..TenantStatus::default()
    });
    tenant
}

pub(crate) fn facts() -> Facts {
    Facts {
        platform: PlatformFact::Ready {
            public_url: "https://demo.example.org".to_owned(),
            grants: Box::new(Tenants::default()),
        },
        guest: false,
        withdrawn: false,
        namespace_ends: false,
        account: None,
        owner_secret: OwnerSecret::Absent,
        rival: None,
    }
}

/// The Tenant is in another namespace than the platform, which allows this to guests.
fn guest(allowed: Option<Plan>) -> Facts {
    let grants = Box::new(Tenants {
        highest_plan: allowed,
        ..Tenants::default()
    });
    Facts {
        platform: PlatformFact::Ready {
            public_url: "https://demo.example.org".to_owned(),
            grants,
        },
        guest: true,
        ..facts()
    }
}

/// The account as it is when the sample is provisioned.
pub(crate) fn account() -> Account {
    Account {
        uid: "b6e6b0d8-0000-4000-8000-000000000001".to_owned(),
        creator_id: ID.to_owned(),
        provisioned_at: "2026-11-24T10:00:00Z".to_owned(),
        observed: Observed {
            display_name: "Ada's Coaching".to_owned(),
            plan: Some(Plan::Pro),
            quotas: Some(Quotas {
                documents: Some(1000),
                channels: Some(20),
                members: Some(20),
                messages_per_month: Some(50_000),
                storage_bytes: Some(10 << 30),
            }),
            allowed_origins: vec!["https://ada.example.org".to_owned()],
            suspended: false,
            resource: Some("acme/ada".to_owned()),
        },
        owner_accepted: false,
        invitation: None,
        usage: Usage::default(),
    }
}

pub(crate) fn settled() -> Facts {
    Facts {
        account: Some(account()),
        owner_secret: OwnerSecret::Ours,
        ..facts()
    }
}

pub(crate) fn names(plan: &TenantPlan) -> Vec<&'static str> {
    let name = |step: &Step| match step {
        Step::AddFinalizer => "add finalizer",
        Step::Provision(wish) if wish.suspended => "suspend",
        Step::Provision(wish) if wish.invite => "provision and invite",
        Step::Provision(_) => "provision",
        Step::CreateOwnerSecret { .. } => "write secret",
        Step::Erase(_) => "erase",
        Step::RemoveFinalizer => "remove finalizer",
    };
    plan.steps.iter().map(name).collect()
}

#[test]
fn a_new_tenant_is_kept_provisioned_and_its_owner_invited_in_that_order() {
    let plan = plan(&tenant(), &facts());
    let expected = ["add finalizer", "provision and invite", "write secret"];
    assert_eq!(names(&plan), expected);
    let Step::Provision(wish) = &plan.steps[1] else {
        panic!("{plan:?}");
    };
    let mut observed = account().observed;
    assert!(
        observed.is(wish),
        "quotas: the plan's, with the Tenant's own on top"
    );
    observed.suspended = true;
    assert!(!observed.is(wish));
}

#[test]
fn a_settled_tenant_needs_nothing_and_what_differs_is_mended() {
    assert_eq!(names(&plan(&kept(), &settled())), Vec::<&str>::new());
    let drifts: [fn(&mut Observed); 7] = [
        |one| one.display_name = "Somebody".to_owned(),
        |one| one.plan = None,
        |one| one.plan = Some(Plan::Free),
        |one| one.quotas = None,
        |one| one.allowed_origins.clear(),
        |one| one.suspended = true,
        |one| one.resource = None,
    ];
    for drift in drifts {
        let mut facts = settled();
        drift(&mut facts.account.as_mut().unwrap().observed);
        assert_eq!(names(&plan(&kept(), &facts)), ["provision"], "{facts:?}");
    }
}

#[test]
fn form_alone_is_no_difference() {
    let mut tenant = kept();
    tenant.spec.display_name = "  Ada's Coaching ".to_owned();
    let twice = vec!["https://ada.example.org".to_owned(); 2];
    tenant.spec.allowed_origins = twice;
    assert_eq!(names(&plan(&tenant, &settled())), Vec::<&str>::new());
}

#[test]
fn an_invitation_is_written_while_the_owner_is_out_and_never_over_what_is_not_ours() {
    let mut facts = settled();
    facts.owner_secret = OwnerSecret::Absent;
    let expected = ["provision and invite", "write secret"];
    assert_eq!(names(&plan(&kept(), &facts)), expected);
    facts.account.as_mut().unwrap().owner_accepted = true;
    assert_eq!(names(&plan(&kept(), &facts)), Vec::<&str>::new());
    let mut facts = settled();
    facts.owner_secret = OwnerSecret::Foreign;
    let foreign = plan(&kept(), &facts);
    assert_eq!(names(&foreign), Vec::<&str>::new());
    assert_eq!(foreign.verdict.reason, Reason::NotOwned);
}

#[test]
fn without_platform_or_consent_or_first_claim_nothing_is_done() {
    let rival = Facts {
        rival: Some("acme/older".to_owned()),
        ..facts()
    };
    let at = |platform| Facts {
        platform,
        ..facts()
    };
    for (facts, kind, reason) in [
        (
            at(PlatformFact::Missing),
            VerdictKind::Stalled,
            Reason::PlatformNotFound,
        ),
        (
            at(PlatformFact::NotAllowing),
            VerdictKind::Stalled,
            Reason::NamespaceNotAllowed,
        ),
        (
            at(PlatformFact::NotReady),
            VerdictKind::Moving,
            Reason::PlatformNotReady,
        ),
        (rival, VerdictKind::Stalled, Reason::OwnerEmailInUse),
    ] {
        let plan = plan(&kept(), &facts);
        assert_eq!(names(&plan), Vec::<&str>::new());
        assert_eq!((plan.verdict.kind, plan.verdict.reason), (kind, reason));
    }
    let provisioned = Facts {
        rival: Some("acme/older".to_owned()),
        ..settled()
    };
    let verdict = plan(&kept(), &provisioned).verdict;
    assert_eq!(
        verdict.reason,
        Reason::Reconciled,
        "who has an account keeps it"
    );
}

#[test]
fn a_namespace_grants_itself_no_more_than_the_platform_allows() {
    let asks = |plan: Option<Plan>, quotas: serde_json::Value| {
        let mut tenant = kept();
        tenant.spec.plan = plan;
        tenant.spec.quotas = Some(serde_json::from_value(quotas).unwrap());
        tenant
    };
    let (free, pro, enterprise) = (Plan::Free, Plan::Pro, Plan::Enterprise);
    let nothing = || serde_json::json!({});
    for (allowed, plan_of, quotas, is_allowed) in [
        (None, None, nothing(), true),
        (None, Some(free), nothing(), true),
        (None, Some(pro), nothing(), false),
        (None, Some(enterprise), nothing(), false),
        (Some(pro), Some(pro), nothing(), true),
        (Some(pro), Some(enterprise), nothing(), false),
        (Some(enterprise), Some(enterprise), nothing(), true),
        (
            None,
            None,
            serde_json::json!({"documents": 20, "channels": 0}),
            true,
        ),
        (None, None, serde_json::json!({"documents": 21}), false),
        (None, None, serde_json::json!({"channels": 4}), false),
        (None, None, serde_json::json!({"members": 3}), true),
        (None, None, serde_json::json!({"members": 4}), false),
        (
            None,
            None,
            serde_json::json!({"messagesPerMonth": 1001}),
            false,
        ),
        (None, None, serde_json::json!({"storage": "201Mi"}), false),
        (None, None, serde_json::json!({"storage": "0.1Gi"}), true),
        (
            Some(pro),
            Some(free),
            serde_json::json!({"documents": 500}),
            true,
        ),
        (
            Some(pro),
            Some(free),
            serde_json::json!({"documents": 501}),
            false,
        ),
    ] {
        let tenant = asks(plan_of, quotas);
        let planned = plan(&tenant, &guest(allowed));
        let said = &planned.verdict;
        let is_refused = said.reason == Reason::PlanNotAllowed && planned.steps.is_empty();
        assert_eq!(is_refused, !is_allowed, "{:?}: {said:?}", tenant.spec);
        // The platform's own namespace is that of its administrators.
        assert_ne!(
            plan(&tenant, &facts()).verdict.reason,
            Reason::PlanNotAllowed
        );
    }
    // The account of before is neither changed nor kept from going.
    let account = Facts {
        account: Some(account()),
        owner_secret: OwnerSecret::Ours,
        ..guest(None)
    };
    assert_eq!(names(&plan(&kept(), &account)), Vec::<&str>::new());
    let leaving = plan(&deleted(DeletionPolicy::Retain), &account);
    assert_eq!(names(&leaving).last(), Some(&"remove finalizer"));
}

#[test]
fn a_status_has_usage_and_limits_and_a_condition_that_moves_only_at_a_limit() {
    let now = "2026-11-24T10:00:00Z".parse().unwrap();
    let look = |previous: Option<&TenantStatus>, messages: i64, members: Option<i64>| {
        let mut facts = settled();
        let account = facts.account.as_mut().unwrap();
        account.usage.messages_this_month = messages;
        account.usage.members = members;
        let verdict = plan(&kept(), &facts).verdict;
        let applied = Applied::default();
        let outcome = Outcome::Applied(&facts, &verdict, &applied);
        status("ada", previous, 1, &outcome, now)
    };
    let quotas = |status: &TenantStatus| {
        let mut all = status.conditions.iter();
        all.find(|one| one.kind == "WithinQuotas").unwrap().clone()
    };
    let first = look(None, 49_999, Some(3));
    let limits = first.limits.unwrap();
    assert_eq!(
        (
            limits.messages_per_month,
            limits.members,
            limits.storage_bytes
        ),
        (Some(50_000), Some(20), Some(10 << 30))
    );
    assert_eq!(first.usage.unwrap().members, Some(3));
    assert_eq!(quotas(&first).status, ConditionStatus::True);
    let full = look(Some(&first), 50_000, Some(20));
    let said = quotas(&full);
    assert_eq!(
        (said.status, said.reason.as_str()),
        (ConditionStatus::False, "QuotaReached")
    );
    for part in ["members (20)", "messages of this month (50000)"] {
        assert!(said.message.contains(part), "{part}: {}", said.message);
    }
    assert!(!said.message.contains("documents"), "{}", said.message);
    let more = look(Some(&full), 50_007, Some(20));
    assert_eq!(quotas(&more), said, "usage alone does not move it");
    // An auth of an earlier release does not count members; a failed look forgets nothing.
    let older = look(Some(&full), 1, None);
    assert_eq!(quotas(&older).status, ConditionStatus::True);
    let unobserved = status("ada", Some(&full), 1, &Outcome::Unobserved("timeout"), now);
    assert_eq!(quotas(&unobserved), said);
    let ready = &full.conditions[0];
    assert_eq!(
        (ready.kind.as_str(), ready.status),
        ("Ready", ConditionStatus::True),
        "an account at its quota is as asked"
    );
}

#[test]
fn a_guest_does_not_learn_who_has_an_account() {
    let rival = |name: &str| Facts {
        rival: Some(name.to_owned()),
        ..guest(Some(Plan::Enterprise))
    };
    let secret = plan(&kept(), &rival("finance/payroll")).verdict;
    assert_eq!(secret.reason, Reason::TenantRejected);
    for word in ["finance", "payroll", "already", "used", "exists"] {
        assert!(!secret.message.contains(word), "{word}: {}", secret.message);
    }
    // An account that no Tenant describes looks the same.
    let facts = guest(Some(Plan::Enterprise));
    let applied = Applied {
        failure: Some(Failure::OwnerTaken),
        ..Applied::default()
    };
    let verdict = plan(&kept(), &facts).verdict;
    let outcome = Outcome::Applied(&facts, &verdict, &applied);
    let now = "2026-11-24T10:00:00Z".parse().unwrap();
    let told = status("ada", None, 1, &outcome, now);
    let ready = &told.conditions[0];
    assert_eq!(
        (&ready.reason, &ready.message),
        (&"TenantRejected".to_owned(), &secret.message)
    );
    // What is in its own namespace it can read anyway.
    let own = plan(&kept(), &rival("acme/older")).verdict;
    assert_eq!(own.reason, Reason::OwnerEmailInUse);
    assert!(own.message.contains("acme/older"), "{}", own.message);
    let near = plan(&kept(), &rival("acme-finance/older")).verdict;
    assert_eq!(near.reason, Reason::TenantRejected);
}

#[test]
fn retained_data_is_shut_away_and_confirmed_data_is_erased_before_the_tenant_goes() {
    let retain = deleted(DeletionPolicy::Retain);
    assert_eq!(
        names(&plan(&retain, &settled())),
        ["suspend", "remove finalizer"]
    );
    let mut shut = settled();
    shut.account.as_mut().unwrap().observed.suspended = true;
    assert_eq!(names(&plan(&retain, &shut)), ["remove finalizer"]);
    assert_eq!(names(&plan(&retain, &facts())), ["remove finalizer"]);
    let mut delete = deleted(DeletionPolicy::Delete);
    for wrong in [
        None,
        Some("0190a5e0-0000-7000-8000-000000000002".to_owned()),
    ] {
        delete.spec.confirm_deletion = wrong;
        let plan = plan(&delete, &settled());
        assert_eq!(names(&plan), Vec::<&str>::new());
        assert_eq!(plan.verdict.reason, Reason::DeletionNotConfirmed);
    }
    delete.spec.confirm_deletion = Some(ID.to_owned());
    assert_eq!(names(&plan(&delete, &settled())), ["erase"]);
    for (state, expected) in [("running", "erase"), ("finished", "remove finalizer")] {
        let erasure = Erasure {
            state: state.to_owned(),
            ..Erasure::default()
        };
        delete.status.as_mut().unwrap().erasure = Some(erasure);
        assert_eq!(names(&plan(&delete, &facts())), [expected], "{state}");
    }
}

#[test]
fn a_platform_that_cannot_be_asked_keeps_only_what_would_be_lost() {
    let gone = Facts {
        platform: PlatformFact::Missing,
        ..facts()
    };
    let away = Facts {
        platform: PlatformFact::NotReady,
        ..facts()
    };
    let retain = deleted(DeletionPolicy::Retain);
    let mut delete = deleted(DeletionPolicy::Delete);
    assert_eq!(names(&plan(&retain, &gone)), ["remove finalizer"]);
    assert_eq!(
        names(&plan(&retain, &away)),
        Vec::<&str>::new(),
        "it comes back"
    );
    let stuck = plan(&delete, &gone);
    assert_eq!(names(&stuck), Vec::<&str>::new());
    assert!(stuck.verdict.message.contains(ABANDON_ANNOTATION));
    let escape = [(ABANDON_ANNOTATION.to_owned(), "true".to_owned())];
    delete.metadata.annotations = Some(escape.into());
    assert_eq!(names(&plan(&delete, &gone)), ["remove finalizer"]);
}

#[test]
fn whatever_is_found_the_same_plan_follows_and_a_finalizer_goes_last() {
    let mut seen = BTreeSet::new();
    let platforms = [
        facts().platform,
        PlatformFact::Missing,
        PlatformFact::NotAllowing,
        PlatformFact::NotReady,
    ];
    let secrets = [OwnerSecret::Absent, OwnerSecret::Ours, OwnerSecret::Foreign];
    let of_secret = |owner_secret| {
        (0..8_u8).map(move |bits| Facts {
            owner_secret,
            guest: bits & 1 > 0,
            withdrawn: bits & 2 > 0,
            namespace_ends: bits & 4 > 0,
            ..facts()
        })
    };
    let bases: Vec<Facts> = secrets.into_iter().flat_map(of_secret).collect();
    let tenants = [
        tenant(),
        kept(),
        deleted(DeletionPolicy::Retain),
        deleted(DeletionPolicy::Delete),
    ];
    for one in &tenants {
        for platform in &platforms {
            for base in &bases {
                for account in [None, Some(account())] {
                    let facts = Facts {
                        platform: platform.clone(),
                        account,
                        ..base.clone()
                    };
                    let plan = plan(one, &facts);
                    assert_eq!(plan, operator_core::tenant::plan(one, &facts));
                    let steps = names(&plan);
                    let place = steps.iter().position(|step| *step == "remove finalizer");
                    assert!(
                        place.is_none_or(|place| place + 1 == steps.len()),
                        "{steps:?}"
                    );
                    let living = one.metadata.deletion_timestamp.is_none();
                    assert!(!living || place.is_none(), "the living are not let go");
                    seen.insert(steps.join(", "));
                }
            }
        }
    }
    assert!(seen.len() >= 7, "{seen:#?}");
}

#[test]
fn a_status_is_the_same_bytes_until_something_happens_and_tells_a_failure() {
    let (tenant, facts) = (kept(), settled());
    let verdict = plan(&tenant, &facts).verdict;
    let applied = Applied::default();
    let outcome = Outcome::Applied(&facts, &verdict, &applied);
    let first = status(
        "ada",
        None,
        1,
        &outcome,
        "2026-11-24T10:00:00Z".parse().unwrap(),
    );
    let later = "2026-11-24T11:00:00Z".parse().unwrap();
    assert_eq!(status("ada", Some(&first), 1, &outcome, later), first);
    assert_eq!(first.creator_id.as_deref(), Some(ID));
    for (failure, reason) in [
        (Failure::OwnerTaken, "OwnerEmailInUse"),
        (Failure::Transient("away".to_owned()), "ProvisioningFailed"),
        (Failure::Refused("no".to_owned()), "TenantRejected"),
    ] {
        let failed = Applied {
            failure: Some(failure),
            ..Applied::default()
        };
        let outcome = Outcome::Applied(&facts, &verdict, &failed);
        let told = status("ada", Some(&first), 1, &outcome, later);
        assert_eq!(told.conditions[0].reason, reason);
        assert_eq!(
            told.creator_id, first.creator_id,
            "what is known stays known"
        );
    }
    let mut wrong = tenant;
    wrong.spec.confirm_deletion = Some(ID.to_owned());
    assert!(
        resolve_tenant(&wrong).is_err(),
        "the schema's rules run here, too"
    );
}
