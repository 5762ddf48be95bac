//! What no server of embeddings guarantees of its vectors.

use super::model_error::ModelError;

/// Checks that there is one vector for each text, all of one length, all finite.
pub(super) fn validate(vectors: Vec<Vec<f32>>, texts: usize) -> Result<Vec<Vec<f32>>, ModelError> {
    let malformed = |text: String| Err(ModelError::Malformed(text));
    if vectors.len() != texts {
        return malformed(format!("{} vectors for {texts} texts", vectors.len()));
    }
    let length = vectors.first().map_or(0, Vec::len);
    if texts > 0 && (length == 0 || vectors.iter().any(|vector| vector.len() != length)) {
        return malformed("vectors of different or no length".to_owned());
    }
    if vectors.iter().flatten().any(|number| !number.is_finite()) {
        return malformed("a vector that is not finite".to_owned());
    }
    Ok(vectors)
}

/// The vector scaled to length 1, as Ollama returns them.
pub(crate) fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|n| n * n).sum::<f32>().sqrt();
    if length > 0.0 {
        for number in &mut vector {
            *number /= length;
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_wrong_number_or_length_or_not_finite_are_refused() {
        assert!(validate(vec![vec![0.1, 0.2]], 1).is_ok());
        assert!(validate(Vec::new(), 0).is_ok());
        for vectors in [
            vec![],
            vec![vec![]],
            vec![vec![0.1], vec![0.2]],
            vec![vec![f32::NAN]],
        ] {
            assert!(validate(vectors, 1).is_err());
        }
        assert!(validate(vec![vec![0.1], vec![0.1, 0.2]], 2).is_err());
    }

    #[test]
    fn a_normalised_vector_has_length_one() {
        assert_eq!(normalised(vec![3.0, 4.0]), [0.6, 0.8]);
        assert_eq!(normalised(vec![0.0, 0.0]), [0.0, 0.0]);
    }
}
