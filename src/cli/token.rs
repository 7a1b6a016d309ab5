//! `influxd token`: list, make, switch off and delete tokens.

use super::CliError;
use super::args::{Definition, Given, Operands, flag, switch};
use super::client::{Client, text};
use super::output::{FORMATS, Table};
use serde_json::{Value, json};

const FORMAT: super::args::Flag = flag("format", "FORMAT", "table (the default), csv or json");

pub const LIST: Definition = Definition {
    name: "token list",
    about: "List tokens by id and what they permit. The tokens themselves are not kept.",
    details: "",
    operands: Operands::None,
    flags: &[FORMAT],
    remote: true,
    examples: &["influxd token list"],
    run: list,
};

pub const CREATE: Definition = Definition {
    name: "token create",
    about: "Make a token; it is shown this once.",
    details: "--read and --write name buckets and can be given more than once.",
    operands: Operands::None,
    flags: &[
        flag("read", "BUCKET", "permit to read this bucket"),
        flag("write", "BUCKET", "permit to write this bucket"),
        switch("all-access", "permit everything in the organization"),
        flag("description", "TEXT", "what it is for"),
        FORMAT,
    ],
    remote: true,
    examples: &[
        "influxd token create --write sensors --description 'the gateway'",
        "influxd token create --read sensors --read weather --format json",
    ],
    run: create,
};

pub const ACTIVATE: Definition = Definition {
    name: "token activate",
    about: "Switch a token on again.",
    details: "",
    operands: Operands::One("ID"),
    flags: &[FORMAT],
    remote: true,
    examples: &["influxd token activate 0d4f3c2b1a098765"],
    run: activate,
};

pub const DEACTIVATE: Definition = Definition {
    name: "token deactivate",
    about: "Switch a token off without deleting it.",
    details: "",
    operands: Operands::One("ID"),
    flags: &[FORMAT],
    remote: true,
    examples: &["influxd token deactivate 0d4f3c2b1a098765"],
    run: deactivate,
};

pub const DELETE: Definition = Definition {
    name: "token delete",
    about: "Delete a token.",
    details: "",
    operands: Operands::One("ID"),
    flags: &[],
    remote: true,
    examples: &["influxd token delete 0d4f3c2b1a098765"],
    run: delete,
};

fn list(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let answer = Client::of(given)?.get("/api/v2/authorizations", &[])?;
    let found = answer.get("authorizations").and_then(Value::as_array);
    print(given, found.map(Vec::as_slice).unwrap_or_default())
}

fn print(given: &Given, tokens: &[Value]) -> Result<(), CliError> {
    let with_token = tokens.iter().any(|token| !text(token, "token").is_empty());
    let mut table = Table::new(&["id", "status", "user", "permissions", "description"]);
    if with_token {
        table.header.push("token".to_owned());
    }
    for token in tokens {
        let mut row = vec![
            text(token, "id"),
            text(token, "status"),
            text(token, "user"),
            permissions(token),
            text(token, "description"),
        ];
        if with_token {
            row.push(text(token, "token"));
        }
        table.rows.push(row);
    }
    table.print(given)
}

/// More than this is only counted.
const SHOWN_MAX: usize = 4;

fn permissions(token: &Value) -> String {
    let all = token.get("permissions").and_then(Value::as_array);
    let all = all.map(Vec::as_slice).unwrap_or_default();
    let mut words: Vec<String> = all.iter().take(SHOWN_MAX).map(permission).collect();
    if all.len() > SHOWN_MAX {
        words.push(format!("and {} more", all.len() - SHOWN_MAX));
    }
    words.join(" ")
}

fn permission(permission: &Value) -> String {
    let resource = permission.get("resource").cloned().unwrap_or_default();
    let mut word = format!("{}:{}", text(permission, "action"), text(&resource, "type"));
    let id = text(&resource, "id");
    if !id.is_empty() {
        word.push_str(&format!("/{id}"));
    }
    word
}

fn create(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let wanted = [
        ("read", given.texts("read")?),
        ("write", given.texts("write")?),
    ];
    let all_access = given.has("all-access");
    if !all_access && wanted.iter().all(|(_, buckets)| buckets.is_empty()) {
        return Err(given.wrong("what shall it permit? Give --read, --write or --all-access"));
    }
    let client = Client::of(given)?;
    let (_, org) = client.org()?;
    let mut permissions = Vec::new();
    if all_access {
        for kind in ["authorizations", "buckets"] {
            for action in ["read", "write"] {
                let resource = json!({"type": kind, "orgID": org});
                permissions.push(json!({"action": action, "resource": resource}));
            }
        }
        for action in ["read", "write"] {
            let resource = json!({"type": "orgs", "id": org});
            permissions.push(json!({"action": action, "resource": resource}));
        }
    }
    for (action, buckets) in wanted {
        for bucket in buckets {
            let id = text(&client.bucket(&bucket)?, "id");
            let resource = json!({"type": "buckets", "orgID": org, "id": id});
            permissions.push(json!({"action": action, "resource": resource}));
        }
    }
    let body = json!({
        "orgID": org,
        "description": given.text("description")?.unwrap_or_default(),
        "permissions": permissions,
    });
    let token = client.put_json("POST", "/api/v2/authorizations", &body)?;
    print(given, &[token])
}

fn activate(given: &Given) -> Result<(), CliError> {
    set_status(given, "active")
}

fn deactivate(given: &Given) -> Result<(), CliError> {
    set_status(given, "inactive")
}

fn set_status(given: &Given, status: &str) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let path = format!("/api/v2/authorizations/{}", given.operand()?);
    let changed = Client::of(given)?.put_json("PATCH", &path, &json!({"status": status}))?;
    print(given, &[changed])
}

fn delete(given: &Given) -> Result<(), CliError> {
    let path = format!("/api/v2/authorizations/{}", given.operand()?);
    Client::of(given)?.delete(&path)
}
