//! Which backups are removed: pure.

use jiff::Timestamp;

use crate::format::BackupName;

/// A folder of a backup, as it is in the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: BackupName,
    /// Whether it has a manifest.
    pub is_complete: bool,
    /// When something in it was last written.
    pub changed_at: Timestamp,
}

/// The complete backups beyond the newest `retain`, oldest first. The newest one is never among
/// them, whatever `retain` says.
pub fn surplus(stored: &[Stored], retain: usize) -> Vec<BackupName> {
    let mut complete: Vec<_> = stored
        .iter()
        .filter(|backup| backup.is_complete)
        .map(|backup| backup.name.clone())
        .collect();
    complete.sort_unstable();
    let surplus = complete.len().saturating_sub(retain.max(1));
    complete.truncate(surplus);
    complete
}

/// What interrupted backups have left and was last written before that time.
pub fn leftovers(stored: &[Stored], before: Timestamp) -> Vec<BackupName> {
    let left = |backup: &&Stored| !backup.is_complete && backup.changed_at < before;
    let left = stored.iter().filter(left);
    left.map(|backup| backup.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored() -> impl Strategy<Value = Vec<Stored>> {
        let one = (0_i64..10_000, any::<bool>(), 0_i64..10_000);
        proptest::collection::vec(one, 0..40).prop_map(|all| {
            let mut all: Vec<_> = all
                .into_iter()
                .map(|(begun, is_complete, changed)| Stored {
                    name: BackupName::at(Timestamp::from_second(begun).unwrap()),
                    is_complete,
                    changed_at: Timestamp::from_second(changed).unwrap(),
                })
                .collect();
            all.sort_by(|a, b| a.name.cmp(&b.name));
            all.dedup_by(|a, b| a.name == b.name);
            all
        })
    }

    proptest! {
        #[test]
        fn the_newest_complete_ones_stay_and_only_they(all in stored(), retain in 0_usize..10) {
            let removed = surplus(&all, retain);
            let complete: Vec<_> = all.iter().filter(|one| one.is_complete).collect();
            let kept: Vec<_> =
                complete.iter().filter(|one| !removed.contains(&one.name)).collect();
            prop_assert_eq!(kept.len(), complete.len().min(retain.max(1)));
            prop_assert!(removed.len() + kept.len() == complete.len(), "no incomplete one");
            if let (Some(oldest), Some(newest)) = (kept.first(), removed.last()) {
                prop_assert!(oldest.name > *newest, "an older one stays");
            }
        }

        #[test]
        fn only_old_incomplete_ones_are_leftovers(all in stored(), before in 0_i64..10_000) {
            let before = Timestamp::from_second(before).unwrap();
            let removed = leftovers(&all, before);
            for one in &all {
                let is_left = !one.is_complete && one.changed_at < before;
                prop_assert_eq!(removed.contains(&one.name), is_left);
            }
        }
    }
}
