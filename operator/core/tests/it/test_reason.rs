//! The reasons of conditions: their names, and which of them are reported as warnings.

use std::collections::BTreeSet;

use operator_core::Reason;

#[test]
fn a_reason_is_found_by_its_name() {
    for reason in Reason::ALL {
        assert_eq!(Reason::from_name(reason.name()), Some(*reason));
    }
    for unknown in ["", "reconciled", "AsDesired"] {
        assert_eq!(Reason::from_name(unknown), None, "{unknown:?}");
    }
}

#[test]
fn names_are_what_the_api_conventions_ask_for() {
    let names: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Reason::ALL.len(), "unique");
    for name in names {
        let camel = name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric());
        assert!(camel && name.len() <= 64, "{name}");
    }
}

#[test]
fn exactly_these_reasons_are_reported_as_warnings() {
    let warnings: Vec<&str> = Reason::ALL
        .iter()
        .filter(|reason| reason.is_warning())
        .map(|reason| reason.name())
        .collect();
    let expected = [
        "ProgressDeadlineExceeded",
        "SecretNotFound",
        "SecretLost",
        "DependencyNotInstalled",
        "MigrationFailed",
        "RestoreFailed",
        "BackupTooOld",
        "BackupFailed",
        "VerificationFailed",
        "StoreVersionRefused",
        "ModelPullFailed",
        "NotCalibrated",
        "NoTrustedProxies",
        "VolumeDiffers",
        "SecondOperator",
        "InvalidSpec",
        "NotOwned",
        "ApplyFailed",
        "ObserveFailed",
        "PlatformNotFound",
        "NamespaceNotAllowed",
        "QuotaReached",
        "ProvisioningFailed",
        "DeletionNotConfirmed",
    ];
    assert_eq!(warnings, expected);
}
