//! What requests to other servers have in common: whom they trust, and how texts stand in a URL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Where Debian and most others keep the authorities that they trust.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Names the file.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    #[error("can't read the certificates in {}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: no certificate in PEM form", path.display())]
    Empty { path: PathBuf },
}

/// Trusts the authorities in a file, those of the system when it is `None`, or anybody.
pub fn tls(
    certificates: Option<&Path>,
    trust_anybody: bool,
) -> Result<TlsConfig, CertificatesError> {
    let path = certificates.unwrap_or(Path::new(SYSTEM_CERTIFICATES));
    let mut trusted: Vec<Certificate<'static>> = Vec::new();
    if !trust_anybody {
        let pem = std::fs::read(path).map_err(|source| CertificatesError::File {
            path: path.to_owned(),
            source,
        })?;
        for item in parse_pem(&pem) {
            if let Ok(PemItem::Certificate(certificate)) = item {
                trusted.push(certificate.to_owned());
            }
        }
        if trusted.is_empty() {
            let path = path.to_owned();
            return Err(CertificatesError::Empty { path });
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&trusted))
        .disable_verification(trust_anybody)
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

/// Percent-encodes everything but unreserved characters.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
