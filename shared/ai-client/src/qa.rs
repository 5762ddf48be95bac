//! Question-and-answer pairs, as ai-engine must know them to answer with them.

use serde::{Deserialize, Serialize};
use shared_models::{CollectionId, QaPairId, Visibility};

/// Most pairs of one [`QaPairChanges`].
pub const PAIRS_PER_REQUEST: usize = 100;

/// Pairs that have changed. Changes may arrive in any order, and repeatedly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QaPairChanges {
    /// Pairs as they are now; the highest revision counts.
    pub pairs: Vec<QaPairCopy>,
    /// Pairs that were deleted. No pair with such an id comes back.
    pub deleted: Vec<QaPairId>,
}

/// A pair as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QaPairCopy {
    /// The pair.
    pub id: QaPairId,
    /// Increases with each change.
    pub revision: i32,
    /// The question and others that ask the same, the first one first.
    pub questions: Vec<String>,
    /// Given word for word.
    pub answer: String,
    /// Who gets the answer.
    pub visibility: Visibility,
    /// The collections that it belongs to.
    pub collections: Vec<CollectionId>,
}
