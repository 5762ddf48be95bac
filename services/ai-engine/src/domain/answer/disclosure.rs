//! How much of a document one visitor is shown. Somebody who asks long enough must not be able to
//! collect a whole book from quotations.

use std::collections::HashSet;

use shared_models::ChunkId;

/// Passages that a visitor may be shown of any document: a guide of some 25,000 characters can be
/// asked about without end.
const SMALLEST_BOUND: usize = 30;
/// Of a longer document, one passage in so many.
const ONE_IN: usize = 5;

/// The most passages that one visitor may be shown of a document that has that many.
pub(crate) fn bound(passages: usize) -> usize {
    SMALLEST_BOUND.max(passages / ONE_IN)
}

/// Those of the wanted passages that may be shown: the ones that were shown before, and new ones up
/// to the bound, in their order.
pub(crate) fn admitted(shown: &[ChunkId], wanted: &[ChunkId], bound: usize) -> HashSet<ChunkId> {
    let shown: HashSet<_> = shown.iter().copied().collect();
    let mut room = bound.saturating_sub(shown.len());
    let mut admitted = HashSet::new();
    for id in wanted {
        if shown.contains(id) || admitted.contains(id) {
            admitted.insert(*id);
        } else if room > 0 {
            room -= 1;
            admitted.insert(*id);
        }
    }
    admitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_document_is_never_shown_whole() {
        for (passages, expected) in [(1, 30), (150, 30), (151, 30), (155, 31), (1000, 200)] {
            assert_eq!(bound(passages), expected, "{passages}");
        }
    }

    #[test]
    fn what_was_shown_may_be_shown_again_and_new_passages_only_up_to_the_bound() {
        let ids: Vec<ChunkId> = (0..6).map(|_| ChunkId::new()).collect();
        let shown = &ids[..2];
        let found = admitted(shown, &[ids[1], ids[2], ids[3], ids[3], ids[4]], 4);
        assert_eq!(found, HashSet::from([ids[1], ids[2], ids[3]]));
        assert_eq!(
            admitted(shown, &[ids[5], ids[0]], 2),
            HashSet::from([ids[0]])
        );
        assert_eq!(admitted(&[], &ids, 1), HashSet::from([ids[0]]));
    }
}
