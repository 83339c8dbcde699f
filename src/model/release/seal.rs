//! Signatures of releases that travel in bundles: whoever installs one knows who made it, and that nobody changed it.

use std::{path::PathBuf, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

/// Who signs bundles here, and whose are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// The file with the key that signs; made when it is first needed.
    pub key: PathBuf,
    /// The public keys that may have signed what is installed, in base64.
    pub keys: Vec<Arc<str>>,
}

/// A signature (Ed25519) with the key that made it, both in base64. The key says who it was only to those who trust it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The public key.
    pub key: String,
    /// The signature.
    pub signature: String,
}

/// A key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new one, and what has to be kept of it, as text (PKCS #8, base64).
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn make() -> Result<(Self, String), String> {
        let random = ring::rand::SystemRandom::new();
        let made = Ed25519KeyPair::generate_pkcs8(&random);
        let made = made.map_err(|_| "the system has no random numbers".to_owned())?;
        let text = BASE64.encode(made.as_ref());
        Ok((Self::read(&text)?, text))
    }

    /// Reads one that was kept.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self, String> {
        let bytes = BASE64.decode(text.trim()).ok();
        let pair = bytes.and_then(|bytes| Ed25519KeyPair::from_pkcs8(&bytes).ok());
        pair.map(Self)
            .ok_or_else(|| "it is no key of Wharf".to_owned())
    }

    /// What others know it by.
    pub fn public(&self) -> String {
        BASE64.encode(self.0.public_key().as_ref())
    }

    /// Signs a text.
    pub fn sign(&self, text: &[u8]) -> Seal {
        Seal {
            key: self.public(),
            signature: BASE64.encode(self.0.sign(text).as_ref()),
        }
    }
}

impl Seal {
    /// Whether its key has signed that text.
    pub fn is_of(&self, text: &[u8]) -> bool {
        let decode = |text: &str| BASE64.decode(text).ok();
        let Some((key, signature)) = decode(&self.key).zip(decode(&self.signature)) else {
            return false;
        };
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(text, &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_seal_holds_for_its_text_and_its_key_alone() {
        let (key, kept) = SigningKey::make().unwrap();
        let seal = key.sign(b"release");
        assert!(seal.is_of(b"release"));
        assert!(!seal.is_of(b"Release"));
        assert_eq!(SigningKey::read(&kept).unwrap().public(), key.public());
        let (other, _) = SigningKey::make().unwrap();
        let forged = Seal {
            key: other.public(),
            ..seal.clone()
        };
        assert!(!forged.is_of(b"release"));
        let garbled = Seal {
            signature: "?".to_owned(),
            ..seal
        };
        assert!(!garbled.is_of(b"release"));
        assert!(SigningKey::read("bm9uZQ==").is_err());
    }
}
