//! Checks of backups that the schema cannot make: where a platform is restored from.

use shared_config::Store;

use super::Problem;
use crate::api::CreatorPlatform;

/// Every problem of backups.
pub(super) fn problems(platform: &CreatorPlatform, found: &mut Vec<Problem>) {
    let name = platform.metadata.name.as_deref().unwrap_or_default();
    let from = platform.spec.restore_from.as_ref();
    let Some(claim) = from.and_then(|from| from.volume_claim.as_deref()) else {
        return;
    };
    let mut own = Store::ALL.map(Store::name).into_iter().chain(["files"]);
    if own.any(|part| claim == format!("{name}-{part}")) {
        found.push(Problem {
            path: "spec.restoreFrom.volumeClaim".to_owned(),
            wrong: format!("{claim} is a volume of this platform's own data"),
            remedy: format!("name a claim with backups, such as {name}-backups"),
        });
    }
}
