//! `influxd user`: list, make and delete users, set passwords.

use super::args::{Definition, Given, Operands, flag};
use super::client::{Client, text};
use super::output::{FORMATS, Table};
use super::{CliError, input};
use serde_json::{Value, json};

const FORMAT: super::args::Flag = flag("format", "FORMAT", "table (the default), csv or json");
const PASSWORD_FILE: super::args::Flag = flag(
    "password-file",
    "FILE",
    "file with the password, - for standard input",
);

pub const LIST: Definition = Definition {
    name: "user list",
    about: "List the users.",
    details: "",
    operands: Operands::None,
    flags: &[FORMAT],
    remote: true,
    examples: &["influxd user list"],
    run: list,
};

pub const CREATE: Definition = Definition {
    name: "user create",
    about: "Make a user, with a password or without.",
    details: "",
    operands: Operands::One("NAME"),
    flags: &[PASSWORD_FILE, FORMAT],
    remote: true,
    examples: &["influxd user create ada --password-file -"],
    run: create,
};

pub const PASSWORD: Definition = Definition {
    name: "user password",
    about: "Set a user's password.",
    details: "",
    operands: Operands::One("NAME"),
    flags: &[PASSWORD_FILE],
    remote: true,
    examples: &["influxd user password ada --password-file new-password"],
    run: password,
};

pub const DELETE: Definition = Definition {
    name: "user delete",
    about: "Delete a user with the user's tokens.",
    details: "",
    operands: Operands::One("NAME"),
    flags: &[],
    remote: true,
    examples: &["influxd user delete ada"],
    run: delete,
};

fn list(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let answer = Client::of(given)?.get("/api/v2/users", &[("limit", "100")])?;
    let users = answer.get("users").and_then(Value::as_array);
    print(given, users.map(Vec::as_slice).unwrap_or_default())
}

fn print(given: &Given, users: &[Value]) -> Result<(), CliError> {
    let mut table = Table::new(&["id", "name", "status"]);
    for user in users {
        table
            .rows
            .push(["id", "name", "status"].map(|name| text(user, name)).into());
    }
    table.print(given)
}

/// The id of the user with the name that is the operand.
fn named(given: &Given, client: &Client) -> Result<String, CliError> {
    let name = given.operand()?;
    let answer = client.get("/api/v2/users", &[("name", &name)])?;
    let users = answer.get("users").and_then(Value::as_array);
    let found = users
        .into_iter()
        .flatten()
        .find(|user| text(user, "name") == name);
    let missing = || CliError::Failed(format!("there is no user {name:?}"));
    found.map(|user| text(user, "id")).ok_or_else(missing)
}

fn create(given: &Given) -> Result<(), CliError> {
    given.choice("format", FORMATS)?;
    let password = input::password(given)?;
    let client = Client::of(given)?;
    let body = json!({"name": given.operand()?});
    let user = client.put_json("POST", "/api/v2/users", &body)?;
    if let Some(password) = password {
        set_password(&client, &text(&user, "id"), &password)?;
    }
    print(given, &[user])
}

fn password(given: &Given) -> Result<(), CliError> {
    let password = input::password(given)?;
    let password = password.ok_or_else(|| given.wrong("--password-file is missing"))?;
    let client = Client::of(given)?;
    set_password(&client, &named(given, &client)?, &password)
}

fn set_password(client: &Client, id: &str, password: &str) -> Result<(), CliError> {
    let path = format!("/api/v2/users/{id}/password");
    client
        .put_json("POST", &path, &json!({"password": password}))
        .map(drop)
}

fn delete(given: &Given) -> Result<(), CliError> {
    let client = Client::of(given)?;
    let id = named(given, &client)?;
    client.delete(&format!("/api/v2/users/{id}"))
}
