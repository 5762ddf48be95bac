//! Codes of an authenticator app (RFC 6238), and recovery codes for its loss.

use sha2::{Digest as _, Sha256};
use shared_config::Secret;
use totp_rs::{Algorithm, Builder, Totp, TotpError};

const DIGITS: u8 = 6;
/// How long the app shows a code, seconds.
const STEP_SECONDS: u64 = 30;
/// Steps before and after the current one that are accepted: clocks differ, typing takes time.
const SKEW: u16 = 1;
/// Length of a secret in bytes: that of the hash (RFC 4226, section 4).
pub(crate) const SECRET_LENGTH: usize = 20;
/// The name that apps show above the code.
const ISSUER: &str = "Creator Platform";

/// Recovery codes per user.
pub(crate) const RECOVERY_CODES: usize = 10;
/// The alphabet of recovery codes, without characters that look alike: 12 of them are 60 bits.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567892";
const LENGTH: usize = 12;

/// What an authenticator app needs.
#[derive(Debug)]
pub(crate) struct Enrolment {
    /// The secret in base32, for typing.
    pub(crate) secret: String,
    /// The secret as an `otpauth:` URI, for a QR code.
    pub(crate) uri: String,
}

pub(crate) fn enrolment(secret: &[u8], email: &str) -> Result<Enrolment, TotpError> {
    let totp = totp(secret, email)?;
    Ok(Enrolment {
        secret: totp.secret().to_base32(),
        uri: totp.to_url()?,
    })
}

/// The time step that a code belongs to, or none when the code is wrong.
pub(crate) fn step_of(secret: &[u8], code: &str, now: i64) -> Result<Option<i64>, TotpError> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let all_digits = code.len() == usize::from(DIGITS) && code.bytes().all(|b| b.is_ascii_digit());
    if !all_digits {
        return Ok(None);
    }
    let seconds = u64::try_from(now).unwrap_or_default();
    let step = totp(secret, "account")?.check(&code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

fn totp(secret: &[u8], account: &str) -> Result<Totp, TotpError> {
    // A colon separates issuer and account in the URI.
    let account = account.replace(':', "");
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(SKEW)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret.to_vec())
        .with_account_name(account)
        .with_issuer(Some(ISSUER))
        .build()
}

/// A code that replaces the app once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoveryCode(Secret<String>);

impl RecoveryCode {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; LENGTH];
        getrandom::fill(&mut bytes)?;
        let character = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
        Ok(Self(Secret::new(
            bytes.into_iter().map(character).collect(),
        )))
    }

    /// A code as typed: case, spaces and hyphens do not matter.
    pub(crate) fn received(text: &str) -> Self {
        let typed = text.chars().filter(char::is_ascii_alphanumeric);
        Self(Secret::new(typed.map(|c| c.to_ascii_lowercase()).collect()))
    }

    /// The hash that the database stores. 60 random bits need no salt.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose()).into()
    }

    /// The code as the user sees it, in groups of four.
    pub(crate) fn display(&self) -> String {
        let characters: Vec<char> = self.0.expose().chars().collect();
        let groups: Vec<String> = characters
            .chunks(4)
            .map(|four| four.iter().collect())
            .collect();
        groups.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secret and time of RFC 6238, appendix B; its codes have eight digits, ours the last six.
    const RFC_SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_match_the_test_vectors_of_the_rfc() {
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = step_of(RFC_SECRET, code, time).unwrap();
            assert_eq!(step, Some(time / 30), "{time}");
        }
    }

    #[test]
    fn a_code_is_valid_in_its_step_and_one_step_before_and_after() {
        let step = |now| step_of(RFC_SECRET, "081804", now).unwrap();
        let current = 1_111_111_109 / 30;
        assert_eq!(step(current * 30 - 30), Some(current));
        assert_eq!(step(current * 30 + 59), Some(current));
        assert_eq!(step(current * 30 - 31), None);
        assert_eq!(step(current * 30 + 60), None);
        assert_eq!(
            step_of(RFC_SECRET, "081 804", current * 30).unwrap(),
            Some(current)
        );
        for wrong in ["", "08180", "0818044", "081805", "08180a", "٠٨١٨٠٤"] {
            assert_eq!(
                step_of(RFC_SECRET, wrong, current * 30).unwrap(),
                None,
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_enrolment_uri_carries_the_secret_and_the_account() {
        let Enrolment { secret, uri } = enrolment(RFC_SECRET, "ana@example.com").unwrap();
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(
            uri.starts_with("otpauth://totp/Creator%20Platform:ana%40example.com?"),
            "{uri}"
        );
        assert!(
            uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
            "{uri}"
        );
        assert!(uri.contains("issuer=Creator%20Platform"), "{uri}");
    }

    #[test]
    fn a_recovery_code_is_recognised_in_any_case_and_grouping() {
        let code = RecoveryCode::random().unwrap();
        let shown = code.display();
        assert_eq!(shown.len(), LENGTH + 2);
        let spaced = shown.to_uppercase().replace('-', " ");
        let received = RecoveryCode::received(&format!(" {spaced} "));
        assert_eq!(received.hash(), code.hash());
        assert_ne!(RecoveryCode::random().unwrap(), code);
    }
}
