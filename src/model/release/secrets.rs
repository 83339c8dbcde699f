//! Who knows the values of secrets: specs hold their names only.

use std::{fmt, sync::Arc};

use secrecy::SecretString;

use super::Scope;
use crate::model::app::SecretName;

/// Which secret is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretOf<'s> {
    /// One of an app in an environment.
    App(&'s Scope, &'s SecretName),
    /// A file of the machine that deploys.
    File(&'s str),
    /// A variable of the machine that deploys.
    Variable(&'s str),
}

/// What is asked of whoever keeps secrets.
pub trait Keeper: Send + Sync {
    /// Its value; the error says where it was looked for.
    fn value(&self, of: &SecretOf<'_>) -> Result<SecretString, String>;

    /// Makes one of so many characters, unless it is there.
    fn make(&self, scope: &Scope, name: &SecretName, length: usize) -> Result<(), String>;
}

/// Who knows the values of secrets.
#[derive(Clone)]
pub struct Secrets(Arc<dyn Keeper>);

impl Secrets {
    /// Who answers.
    pub fn new(keeper: impl Keeper + 'static) -> Self {
        Self(Arc::new(keeper))
    }

    /// A value; the error says where it was looked for. It may wait for a disk.
    pub fn value(&self, of: &SecretOf<'_>) -> Result<SecretString, String> {
        self.0.value(of)
    }

    /// Makes one of so many characters, unless it is there. It may wait for a disk.
    pub fn make(&self, scope: &Scope, name: &SecretName, length: usize) -> Result<(), String> {
        self.0.make(scope, name, length)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Nobody knows any.
struct Nobody;

impl Keeper for Nobody {
    fn value(&self, _: &SecretOf<'_>) -> Result<SecretString, String> {
        Err("no secrets are kept here".to_owned())
    }

    fn make(&self, _: &Scope, _: &SecretName, _: usize) -> Result<(), String> {
        Err("no secrets are kept here".to_owned())
    }
}

impl Default for Secrets {
    fn default() -> Self {
        Self::new(Nobody)
    }
}
