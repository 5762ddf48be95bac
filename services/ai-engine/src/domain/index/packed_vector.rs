//! Vectors as bytes: one signed byte for each number is enough to compare questions, and a
//! thousand of them are read in no time.

/// What stands for a text that the model refuses: it is near to nothing.
pub(crate) const REFUSED: [u8; 1] = [0];
/// The largest number of a packed vector.
const LARGEST: f32 = 127.0;

/// Packs a vector; its length is lost, its direction kept.
pub(crate) fn pack(vector: &[f32]) -> Vec<u8> {
    let largest = vector
        .iter()
        .fold(0.0_f32, |largest, n| largest.max(n.abs()));
    if largest <= 0.0 {
        return REFUSED.to_vec();
    }
    let scaled = vector.iter().map(|n| (n / largest * LARGEST).round());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is between -127 and 127"
    )]
    let bytes = scaled.map(|n| (n as i8).cast_unsigned());
    bytes.collect()
}

/// The cosine similarity of a vector and a packed one; none if they cannot be compared.
pub(crate) fn similarity(vector: &[f32], packed: &[u8]) -> Option<f32> {
    if vector.len() != packed.len() {
        return None;
    }
    let (mut product, mut own, mut other) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (number, byte) in vector.iter().zip(packed) {
        let packed = f32::from(byte.cast_signed());
        product += number * packed;
        own += number * number;
        other += packed * packed;
    }
    let lengths = (own * other).sqrt();
    (lengths > 0.0).then(|| product / lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_vector_keeps_its_direction() {
        let vector: Vec<f32> = (0..384_u16).map(|n| (f32::from(n) * 0.7).sin()).collect();
        let packed = pack(&vector);
        assert!((similarity(&vector, &packed).unwrap() - 1.0).abs() < 0.001);
        let opposite: Vec<f32> = vector.iter().map(|n| -n).collect();
        assert!((similarity(&opposite, &packed).unwrap() + 1.0).abs() < 0.001);
        assert_eq!(similarity(&vector[1..], &packed), None);
        assert_eq!(similarity(&vector, &REFUSED), None);
        assert_eq!(pack(&[0.0, 0.0]), REFUSED);
    }
}
