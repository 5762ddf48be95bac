//! How a Tenant leaves: namespaces that are deleted, and consent that was withdrawn.

use operator_core::Reason;
use operator_core::api::tenant::DeletionPolicy;
use operator_core::tenant::{Facts, PlatformFact, plan};

use crate::test_tenant::{ID, account, deleted, facts, names, settled};

/// All of it goes at once, and there is nothing left to ask.
#[test]
fn a_namespace_that_is_deleted_with_its_platform_is_not_held_up() {
    for policy in [DeletionPolicy::Retain, DeletionPolicy::Delete] {
        for platform in [
            facts().platform,
            PlatformFact::Missing,
            PlatformFact::NotReady,
        ] {
            let facts = Facts {
                platform,
                namespace_ends: true,
                ..settled()
            };
            let plan = plan(&deleted(policy), &facts);
            assert_eq!(names(&plan), ["remove finalizer"], "{policy:?} {facts:?}");
        }
    }
    // A Tenant of a namespace that stays waits, as ever.
    let facts = Facts {
        platform: PlatformFact::NotReady,
        ..settled()
    };
    let plan = plan(&deleted(DeletionPolicy::Retain), &facts);
    assert_eq!(names(&plan), Vec::<&str>::new());
}

/// The platform lives on in its own namespace: the account is shut, and nothing is erased that
/// was not confirmed.
#[test]
fn a_guests_namespace_that_is_deleted_is_not_held_up_either() {
    let ends = |platform: PlatformFact| Facts {
        platform,
        guest: true,
        namespace_ends: true,
        ..settled()
    };
    let retain = deleted(DeletionPolicy::Retain);
    let mut delete = deleted(DeletionPolicy::Delete);
    let shut = ["suspend", "remove finalizer"];
    let served = ends(facts().platform);
    assert_eq!(names(&plan(&retain, &served)), shut);
    assert_eq!(names(&plan(&delete, &served)), shut, "unconfirmed");
    for gone in [PlatformFact::Missing, PlatformFact::NotAllowing] {
        let plan = plan(&delete, &ends(gone));
        assert_eq!(names(&plan), ["remove finalizer"]);
    }
    delete.spec.confirm_deletion = Some(ID.to_owned());
    assert_eq!(names(&plan(&delete, &served)), ["erase"]);
    let withdrawn = Facts {
        withdrawn: true,
        ..ends(facts().platform)
    };
    assert_eq!(names(&plan(&delete, &withdrawn)), ["erase"]);
}

#[test]
fn an_account_is_shut_also_after_the_consent_was_withdrawn() {
    let withdrawn = |account| Facts {
        guest: true,
        withdrawn: true,
        account,
        ..facts()
    };
    let retain = deleted(DeletionPolicy::Retain);
    let shut = ["suspend", "remove finalizer"];
    let open = withdrawn(Some(account()));
    assert_eq!(names(&plan(&retain, &open)), shut);
    let delete = plan(&deleted(DeletionPolicy::Delete), &open);
    assert_eq!(
        names(&delete),
        ["suspend"],
        "shut now; its data needs a decision"
    );
    assert_eq!(delete.verdict.reason, Reason::PlatformNotFound);
    let mut closed = account();
    closed.observed.suspended = true;
    let closed = plan(&retain, &withdrawn(Some(closed)));
    assert_eq!(names(&closed), ["remove finalizer"]);
}

/// The same words for a platform that does not exist and for one that never let the Tenant in.
#[test]
fn who_was_never_let_in_does_not_learn_whether_the_platform_exists() {
    let mut stranger = deleted(DeletionPolicy::Retain);
    stranger.status = None;
    let at = |platform, withdrawn| Facts {
        platform,
        guest: true,
        withdrawn,
        ..facts()
    };
    let none = plan(&stranger, &at(PlatformFact::NotAllowing, false));
    assert_eq!(names(&none), ["remove finalizer"]);
    for there in [facts().platform, PlatformFact::NotReady] {
        assert_eq!(plan(&stranger, &at(there, true)), none);
    }
}
