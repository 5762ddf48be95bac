//! Every reason that a condition or an event can have; the runbook has an entry for each.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Why a condition is as it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All reasons, for the runbook's test.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word that stands in conditions and events.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

reasons! {
    /// Everything is as the spec asks.
    AsDesired,
    /// The part is run by somebody else.
    External,
    /// Objects are being created or changed.
    Applying,
    /// Pods are starting or being replaced.
    RollingOut,
    /// A rollout made no progress for too long.
    RolloutStuck,
    /// A stage before this one is not ready.
    WaitingForEarlierStage,
    /// Passwords and keys were made; the next look uses them.
    GeneratingSecrets,
    /// A Secret that the spec names is missing, or a key of it.
    SecretMissing,
    /// The operator of another product is not installed.
    OperatorMissing,
    /// The migrations are running.
    MigrationRunning,
    /// The migrations failed.
    MigrationFailed,
    /// The migrations of this version are applied.
    MigrationsApplied,
    /// The models are being fetched.
    ModelsLoading,
    /// The models could not be fetched.
    ModelsFailed,
    /// The spec is wrong.
    InvalidSpec,
    /// An object of that name exists and is not ours.
    ObjectNotOurs,
    /// The API server refused a write.
    ApplyFailed,
    /// The present state could not be read.
    ObserveFailed,
    /// The spec asks for no writes.
    Suspended,
    /// A Tenant names a platform that does not exist.
    PlatformMissing,
    /// The platform of a Tenant is not ready.
    PlatformNotReady,
    /// The platform of a Tenant takes none of its namespace.
    ConsentMissing,
    /// The address of a Tenant's owner belongs to another account.
    OwnerTaken,
    /// The account of a Tenant is shut as its spec asks.
    TenantSuspended,
    /// Auth could not be asked, or could not do it now.
    ProvisioningFailed,
    /// Auth refused what the Tenant asks for.
    TenantRefused,
    /// A Tenant is deleted with its data, and nobody has confirmed that.
    ConfirmationMissing,
    /// The data of a Tenant is being erased.
    Erasing,
    /// A Tenant is let go.
    Released,
    /// An object was created.
    Created,
    /// An object was changed.
    Updated,
    /// An object was deleted and created anew.
    Replaced,
    /// An object was deleted, since the plan lacks it.
    Pruned,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
