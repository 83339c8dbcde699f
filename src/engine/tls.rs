//! TLS to an engine, with certificates per host.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::trouble::trouble;
use crate::model::{TlsFiles, Trouble, TroubleKind};

/// Reads a host's certificates and makes the client's side of TLS of them.
///
/// Read anew for each connection attempt, so that renewed files are taken up by themselves.
pub(super) fn client(files: &TlsFiles) -> Result<Arc<ClientConfig>, Trouble> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("TLS", &error))?;
    let builder = if files.skip_verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
    } else {
        builder.with_root_certificates(authorities(files.ca.as_deref())?)
    };
    let config = match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(certificates(cert)?, private_key(key)?)
            .map_err(|error| unusable(&cert.display().to_string(), &error))?,
        (None, None) => builder.with_no_client_auth(),
        (Some(_), None) | (None, Some(_)) => {
            return Err(trouble(
                TroubleKind::Tls,
                "of client certificate and key only one is named",
                "name both (cert, key) of this host in the configuration",
            ));
        }
    };
    Ok(Arc::new(config))
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, Trouble> {
    let mut store = RootCertStore::empty();
    let all = match file {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    store.add_parsable_certificates(all);
    if store.is_empty() {
        let place = file.map_or_else(
            || "this machine".to_owned(),
            |path| path.display().to_string(),
        );
        return Err(trouble(
            TroubleKind::Tls,
            format!("no certificate authority was found in {place}"),
            "name the authority's file (ca) of this host in the configuration",
        ));
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(&path.display().to_string(), &error))
}

/// The first certificate of a file, as bytes; none when it cannot be read.
pub(super) fn first_certificate(path: &Path) -> Option<Vec<u8>> {
    let first = certificates(path).ok()?.into_iter().next()?;
    Some(first.to_vec())
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Trouble> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| unusable(&path.display().to_string(), &error))
}

fn unusable(what: &str, error: &dyn std::fmt::Display) -> Trouble {
    trouble(
        TroubleKind::Tls,
        format!("{what} cannot be used: {error}"),
        "look at the certificate files named for this host in the configuration",
    )
}

/// Accepts any certificate, because the configuration says so for this host (`skip_verify`).
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
