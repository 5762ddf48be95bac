//! The operating system's randomness: for secrets, which the pure side cannot make, and for jitter.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use operator_core::plan::Generate;

/// 32 of 62 letters and digits carry 190 bits.
const PASSWORD_LENGTH: usize = 32;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A fresh value of the kind that the plan asks for.
pub fn secret(what: Generate) -> Result<String, getrandom::Error> {
    match what {
        Generate::Password => password(),
        Generate::Seed32 | Generate::DataKey32 => Ok(STANDARD.encode(bytes::<32>()?)),
        Generate::Key32 => Ok(hexadecimal(bytes::<32>()?)),
    }
}

/// Passwords stand in connection URLs: nothing in them may need escaping.
fn password() -> Result<String, getrandom::Error> {
    let mut password = String::with_capacity(PASSWORD_LENGTH);
    while password.len() < PASSWORD_LENGTH {
        // Of 256 values the last 8 are dropped: with them some letters would be likelier.
        let [sample] = bytes::<1>()?;
        if sample < 248
            && let Some(&letter) = ALPHABET.get(usize::from(sample % 62))
        {
            password.push(char::from(letter));
        }
    }
    Ok(password)
}

/// Eight characters that make a name unique.
pub fn suffix() -> String {
    bytes::<4>().map_or_else(|_| String::new(), hexadecimal)
}

fn hexadecimal<const LENGTH: usize>(bytes: [u8; LENGTH]) -> String {
    let mut text = String::with_capacity(LENGTH * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A number from 0 to 1, to spread what would else happen at the same moment.
pub fn fraction() -> f64 {
    bytes::<4>().map_or(0.5, |sample| {
        f64::from(u32::from_le_bytes(sample)) / f64::from(u32::MAX)
    })
}

/// A span give or take a fifth, so that a thousand do not come at once.
pub fn spread(span: Duration) -> Duration {
    span.mul_f64(0.4_f64.mul_add(fraction(), 0.8))
}

fn bytes<const LENGTH: usize>() -> Result<[u8; LENGTH], getrandom::Error> {
    let mut buffer = [0; LENGTH];
    getrandom::fill(&mut buffer)?;
    Ok(buffer)
}
