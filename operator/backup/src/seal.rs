//! Seals for the user's public keys, and opens with the private one: the format of age
//! (<https://age-encryption.org/v1>), which authenticates every 64 KiB and the end.

use std::io::{self, BufReader, Read, Write};

use age::secrecy::ExposeSecret as _;
use age::stream::StreamWriter;
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};

use crate::error::{Code, Failure};

/// Most keys that one backup is sealed for.
pub const MAX_RECIPIENTS: usize = 8;

/// Reads public keys, separated by commas.
pub fn recipients(text: &str) -> Result<Vec<Recipient>, String> {
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    let recipients: Result<Vec<_>, _> = parts
        .map(|part| {
            part.parse::<Recipient>()
                .map_err(|why| format!("{part}: {why}"))
        })
        .collect();
    match recipients? {
        none if none.is_empty() => Err("names no public key".to_owned()),
        many if many.len() > MAX_RECIPIENTS => {
            Err(format!("names more than {MAX_RECIPIENTS} public keys"))
        }
        some => Ok(some),
    }
}

/// Reads the private keys in a file that `age-keygen` has made. What is wrong is said without the
/// line that is.
pub fn identities(text: &str) -> Result<Vec<Identity>, String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let identity: Result<Identity, _> = line.parse();
        let number = number + 1;
        found.push(identity.map_err(|_| format!("line {number} is no private age key"))?);
    }
    if found.is_empty() {
        return Err("has no private age key".to_owned());
    }
    Ok(found)
}

/// What is written to it is sealed into `output`; its `finish` must be called.
pub fn sealing<W: Write>(recipients: &[Recipient], output: W) -> io::Result<StreamWriter<W>> {
    let recipients = recipients.iter().map(|key| key as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients);
    encryptor.map_err(io::Error::other)?.wrap_output(output)
}

/// The content of what was sealed for one of these keys.
pub fn opening<R: Read>(identities: &[Identity], input: R) -> Result<impl Read + use<R>, Failure> {
    let decryptor = Decryptor::new_buffered(BufReader::new(input)).map_err(failure)?;
    let identities = identities.iter().map(|key| key as &dyn age::Identity);
    decryptor.decrypt(identities).map_err(failure)
}

fn failure(error: DecryptError) -> Failure {
    match error {
        DecryptError::NoMatchingKeys => Failure::new(
            Code::BackupForeign,
            "the backup is sealed for other keys than the given private one",
        ),
        DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Failure::new(Code::BackupTruncated, "a part ends within its header")
        }
        error => Failure::new(
            Code::BackupAltered,
            format!("a part cannot be opened: {error}"),
        ),
    }
}

/// A new key pair as text: the public key and the private one.
pub fn key_pair() -> (String, String) {
    let identity = Identity::generate();
    let secret = identity.to_string();
    (
        identity.to_public().to_string(),
        secret.expose_secret().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(recipients: &[Recipient], content: &[u8]) -> Vec<u8> {
        let mut sealed = sealing(recipients, Vec::new()).unwrap();
        sealed.write_all(content).unwrap();
        sealed.finish().unwrap()
    }

    #[test]
    fn each_of_the_keys_opens_and_no_other() {
        let pairs = [key_pair(), key_pair(), key_pair()];
        let keys = recipients(&format!("{}, {}", pairs[0].0, pairs[1].0)).unwrap();
        let sealed = seal(&keys, b"content");
        for (_, private) in &pairs[..2] {
            let own = identities(&format!("# made today\n{private}\n")).unwrap();
            let mut found = String::new();
            opening(&own, &sealed[..])
                .unwrap()
                .read_to_string(&mut found)
                .unwrap();
            assert_eq!(found, "content");
        }
        let other = identities(&pairs[2].1).unwrap();
        let refused = opening(&other, &sealed[..]).err().unwrap();
        assert_eq!(refused.code, Code::BackupForeign);
    }

    #[test]
    fn what_is_changed_or_shorter_is_never_read_to_its_end() {
        let (public, private) = key_pair();
        let (keys, own) = (recipients(&public).unwrap(), identities(&private).unwrap());
        let whole = seal(&keys, &vec![7; 200_000]);
        let read = |sealed: &[u8]| -> bool {
            let opened = opening(&own, sealed);
            opened.is_ok_and(|mut opened| io::copy(&mut opened, &mut io::sink()).is_ok())
        };
        assert!(read(&whole));
        for length in (0..whole.len()).step_by(997) {
            assert!(!read(&whole[..length]), "{length} bytes");
            let mut changed = whole.clone();
            changed[length] ^= 1;
            assert!(!read(&changed), "byte {length}");
        }
    }

    #[test]
    fn a_wrong_key_is_named_and_a_private_one_is_not_repeated() {
        assert!(
            recipients("age1nonsense")
                .unwrap_err()
                .contains("age1nonsense")
        );
        assert!(recipients(" , ").is_err());
        let many = vec![key_pair().0; MAX_RECIPIENTS + 1].join(",");
        assert!(recipients(&many).is_err());
        let refused = identities("# a key\nAGE-SECRET-KEY-1NONSENSE")
            .err()
            .unwrap();
        assert_eq!(refused, "line 2 is no private age key");
        assert!(identities("\n").is_err());
    }
}
