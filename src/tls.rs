//! Certificate and key from PEM files.

use crate::config::TlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// The message names the file that is wrong.
pub fn load(tls: &TlsConfig) -> Result<ServerConfig, String> {
    let certificate = tls.certificate.display();
    let certificates = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("{certificate}: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("{certificate}: it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| format!("{}: {error}", tls.key.display()))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| format!("{certificate}: {error}"))
}
