//! `influxd run --dev`: the token of the local development database and what is printed on start.
//!
//! Stored tokens are only hashes, so a token that must be printed on every start is kept beside the
//! database, in a file that only its owner may read. Nothing of this exists without `--dev`.

use crate::config::{Config, Secret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// In the data directory.
const TOKEN_FILE: &str = "dev-token";

/// As InfluxDB's: 64 random bytes, 88 characters.
const TOKEN_BYTES: usize = 64;

/// Gives the setup of a development database its token, unless one was configured.
pub fn prepare(config: &mut Config) -> io::Result<()> {
    let Some(setup) = config
        .setup
        .as_mut()
        .filter(|setup| config.dev && setup.token.is_none())
    else {
        return Ok(());
    };
    setup.token = Some(Secret::new(kept_token(&config.storage.path)?));
    Ok(())
}

/// URL, org, bucket, token and a command that writes a point, one that reads it back.
pub fn greeting(config: &Config, address: SocketAddr) -> String {
    let Some(setup) = &config.setup else {
        return String::new();
    };
    let scheme = if config.http.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let url = format!("{scheme}://{address}");
    let token = setup.token.as_ref().map_or("", Secret::expose);
    let (org, bucket) = (&setup.org, &setup.bucket);
    format!(
        "influxd is ready.\n\n\
         \x20 url     {url}\n\
         \x20 org     {org}\n\
         \x20 bucket  {bucket}\n\
         \x20 token   {token}\n\n\
         Write a point:\n\n\
         \x20 curl '{url}/api/v2/write?org={org}&bucket={bucket}' \\\n\
         \x20   -H 'Authorization: Token {token}' \\\n\
         \x20   --data-binary 'weather,city=Oslo temperature=4.5'\n\n\
         Read it back:\n\n\
         \x20 curl '{url}/api/v2/query?org={org}' \\\n\
         \x20   -H 'Authorization: Token {token}' -H 'Content-Type: application/vnd.flux' \\\n\
         \x20   --data-binary 'from(bucket: \"{bucket}\") |> range(start: -1h)'\n"
    )
}

fn kept_token(directory: &Path) -> io::Result<String> {
    let path = directory.join(TOKEN_FILE);
    match std::fs::read_to_string(&path) {
        Ok(token) if !token.trim().is_empty() => return Ok(token.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    std::fs::create_dir_all(directory)?;
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let token = URL_SAFE.encode(bytes);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SetupConfig;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    fn development(path: PathBuf) -> Config {
        let setup = SetupConfig {
            username: "dev".to_owned(),
            password: None,
            org: "dev".to_owned(),
            bucket: "dev".to_owned(),
            token: None,
            retention: None,
        };
        let mut config = Config {
            setup: Some(setup),
            dev: true,
            ..Config::default()
        };
        config.storage.path = path;
        config
    }

    fn token_of(config: &Config) -> String {
        config
            .setup
            .as_ref()
            .unwrap()
            .token
            .as_ref()
            .unwrap()
            .expose()
            .to_owned()
    }

    #[test]
    fn the_token_is_made_once_kept_private_and_printed() {
        let directory = std::env::temp_dir().join(format!("influxd-dev-{}", std::process::id()));
        let mut config = development(directory.clone());
        prepare(&mut config).unwrap();
        let token = token_of(&config);
        assert_eq!(token.len(), 88);
        let mode = directory
            .join(TOKEN_FILE)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);

        let mut again = development(directory.clone());
        prepare(&mut again).unwrap();
        std::fs::remove_dir_all(directory).unwrap();
        assert_eq!(token_of(&again), token);
        let text = greeting(&again, SocketAddr::from(([127, 0, 0, 1], 8086)));
        assert!(
            text.contains("http://127.0.0.1:8086/api/v2/write?org=dev&bucket=dev"),
            "{text}"
        );
        assert!(text.contains(&token));
    }

    #[test]
    fn nothing_is_made_without_dev() {
        let mut config = development(PathBuf::from("/nonexistent"));
        config.dev = false;
        prepare(&mut config).unwrap();
        assert_eq!(config.setup.unwrap().token, None);
    }
}
