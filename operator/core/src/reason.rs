//! The reasons of conditions and events. `docs/runbook.md` has an entry for each of them.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Why a condition has its status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The `reason` of a condition or event.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

reasons! {
    /// The current state matches the spec.
    Reconciled,
    /// The component runs outside of the platform (`mode: external`).
    External,
    /// Objects are being created or changed.
    Applying,
    /// Pods are starting or being replaced.
    RollingOut,
    /// A rollout made no progress within its deadline, as in the condition of a Deployment.
    ProgressDeadlineExceeded,
    /// Something that this component depends on is not ready.
    DependencyNotReady,
    /// Passwords and keys were just generated; the next reconcile uses them.
    GeneratingSecrets,
    /// A Secret that the spec refers to does not exist or lacks a key.
    SecretNotFound,
    /// A Secret whose keys encrypted stored data is gone; it is not generated again.
    SecretLost,
    /// The custom resource of another operator is not installed.
    DependencyNotInstalled,
    /// The migration Job is running.
    MigrationRunning,
    /// The migration Job failed.
    MigrationFailed,
    /// The migrations of this version are applied.
    MigrationsApplied,
    /// A backup is being restored into the platform.
    RestoreRunning,
    /// The backup could not be restored.
    RestoreFailed,
    /// The platform began with a backup.
    Restored,
    /// The newest backup is recent enough.
    BackupMade,
    /// There is no backup yet.
    BackupPending,
    /// The newest backup is older than `spec.backup.maxAge`.
    BackupTooOld,
    /// The last attempt to make a backup failed.
    BackupFailed,
    /// The newest check has restored a backup.
    BackupVerified,
    /// No backup was restored as a check yet.
    VerificationPending,
    /// The last check could not restore a backup.
    VerificationFailed,
    /// The image of a store is of a version that cannot read the data.
    StoreVersionRefused,
    /// The deletion of the data with the platform is confirmed.
    DeletionConfirmed,
    /// The models are being pulled.
    PullingModels,
    /// A model could not be pulled, or does not work.
    ModelPullFailed,
    /// The embedding model tells passages that answer a question from others.
    Calibrated,
    /// The embedding model does not tell them apart: search goes by words.
    NotCalibrated,
    /// The gateway believes the proxies in front of it who their clients are.
    ProxiesTrusted,
    /// A proxy is in front of the gateway, and its clients all count as one address.
    NoTrustedProxies,
    /// A volume claim has no volume yet.
    VolumePending,
    /// A volume does not have the size or the class of the spec.
    VolumeDiffers,
    /// Another operator manages the same platform.
    SecondOperator,
    /// The spec is invalid.
    InvalidSpec,
    /// An object with a name that the operator needs exists and is not owned by the resource.
    NotOwned,
    /// The API server rejected a write.
    ApplyFailed,
    /// The current state could not be read.
    ObserveFailed,
    /// `spec.suspend` of the platform is true.
    Suspended,
    /// The platform of a Tenant does not exist.
    PlatformNotFound,
    /// The platform of a Tenant is not ready.
    PlatformNotReady,
    /// The platform does not accept Tenants from this namespace.
    NamespaceNotAllowed,
    /// The platform does not allow this plan, or these quotas, to Tenants of other namespaces.
    PlanNotAllowed,
    /// The email address of the owner already has an account on the platform.
    OwnerEmailInUse,
    /// `spec.suspend` of the Tenant is true: its account is suspended.
    TenantSuspended,
    /// The account has used all of a quota.
    QuotaReached,
    /// The auth service was not reachable, or could not do what was asked.
    ProvisioningFailed,
    /// The auth service rejected the Tenant as invalid.
    TenantRejected,
    /// The deletion would erase data, and it is not confirmed.
    DeletionNotConfirmed,
    /// The data of the Tenant is being erased.
    Erasing,
    /// The finalizer was removed, or is about to be.
    Finalized,
}

impl Reason {
    /// The reason with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|reason| reason.name() == name)
    }

    /// Whether a condition that is not `True` for this reason is reported by a Warning event.
    ///
    /// The others are progress that needs no attention, or are shown by `Stalled=True`, which is
    /// always a Warning.
    pub const fn is_warning(self) -> bool {
        match self {
            Self::ProgressDeadlineExceeded
            | Self::SecretNotFound
            | Self::SecretLost
            | Self::DependencyNotInstalled
            | Self::MigrationFailed
            | Self::RestoreFailed
            | Self::BackupTooOld
            | Self::BackupFailed
            | Self::VerificationFailed
            | Self::StoreVersionRefused
            | Self::ModelPullFailed
            | Self::NotCalibrated
            | Self::NoTrustedProxies
            | Self::VolumeDiffers
            | Self::SecondOperator
            | Self::QuotaReached
            | Self::InvalidSpec
            | Self::NotOwned
            | Self::ApplyFailed
            | Self::ObserveFailed
            | Self::PlatformNotFound
            | Self::NamespaceNotAllowed
            | Self::ProvisioningFailed
            | Self::DeletionNotConfirmed => true,
            Self::Reconciled
            | Self::External
            | Self::Applying
            | Self::RollingOut
            | Self::DependencyNotReady
            | Self::GeneratingSecrets
            | Self::MigrationRunning
            | Self::MigrationsApplied
            | Self::RestoreRunning
            | Self::Restored
            | Self::BackupMade
            | Self::BackupPending
            | Self::BackupVerified
            | Self::VerificationPending
            | Self::DeletionConfirmed
            | Self::PullingModels
            | Self::Calibrated
            | Self::ProxiesTrusted
            | Self::VolumePending
            | Self::Suspended
            | Self::PlatformNotReady
            | Self::PlanNotAllowed
            | Self::OwnerEmailInUse
            | Self::TenantSuspended
            | Self::TenantRejected
            | Self::Erasing
            | Self::Finalized => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
