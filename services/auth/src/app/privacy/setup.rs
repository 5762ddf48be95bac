//! What exports and erasures are run with.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::clients::tenant_data::TenantDataClients;
use crate::config::PrivacySettings;

/// Settings and clients of exports and erasures.
#[derive(Debug, Clone)]
pub(crate) struct Privacy {
    pub(crate) settings: PrivacySettings,
    pub(crate) services: TenantDataClients,
    /// Permits of concurrent downloads.
    pub(super) downloads: Arc<Semaphore>,
}

impl Privacy {
    pub(crate) fn new(settings: PrivacySettings, services: TenantDataClients) -> Self {
        Self {
            downloads: Arc::new(Semaphore::new(settings.max_downloads)),
            settings,
            services,
        }
    }
}
