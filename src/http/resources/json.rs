//! How resources look in answers.

use crate::catalog::{Authorization, Bucket, Org, Permission, User};
use crate::query::text::rfc3339;
use serde_json::{Map, Value, json};

pub fn user_json(user: &User, own: &str) -> Value {
    json!({ "id": user.id, "name": user.name, "status": user.status, "links": { "self": own } })
}

pub fn org_json(org: &Org) -> Value {
    let own = format!("/api/v2/orgs/{}", org.id);
    json!({
        "links": {
            "self": own,
            "members": format!("{own}/members"),
            "owners": format!("{own}/owners"),
            "secrets": format!("{own}/secrets"),
            "buckets": format!("/api/v2/buckets?org={}", super::super::paging::encode(&org.name)),
        },
        "id": org.id,
        "name": org.name,
        "description": org.description,
        "createdAt": rfc3339(org.created),
        "updatedAt": rfc3339(org.updated),
    })
}

pub fn bucket_json(bucket: &Bucket) -> Value {
    let own = format!("/api/v2/buckets/{}", bucket.id);
    let mut json = json!({
        "id": bucket.id,
        "orgID": bucket.org,
        "type": if bucket.system { "system" } else { "user" },
        "name": bucket.name,
        "retentionRules": [{
            "type": "expire",
            "everySeconds": bucket.retention_seconds,
            "shardGroupDurationSeconds": bucket.shard_seconds,
        }],
        "createdAt": rfc3339(bucket.created),
        "updatedAt": rfc3339(bucket.updated),
        "links": {
            "self": own,
            "org": format!("/api/v2/orgs/{}", bucket.org),
            "labels": format!("{own}/labels"),
            "write": format!("/api/v2/write?org={}&bucket={}", bucket.org, bucket.id),
        },
        "labels": [],
    });
    if let Some(json) = json.as_object_mut() {
        let optional = [("description", &bucket.description), ("rp", &bucket.rp)];
        for (name, value) in optional {
            if let Some(value) = value {
                json.insert(name.to_owned(), json!(value));
            }
        }
    }
    json
}

/// `token` is only there when it was just made.
pub fn authorization_json(
    authorization: &Authorization,
    org: Option<&Org>,
    user: Option<&User>,
    token: Option<&str>,
) -> Value {
    let permissions: Vec<Value> = authorization
        .permissions
        .iter()
        .map(|permission| permission_json(permission, org))
        .collect();
    let mut json = Map::new();
    json.insert("id".to_owned(), json!(authorization.id));
    // Stored as a hash: after its making nobody can show it again.
    json.insert("token".to_owned(), json!(token.unwrap_or_default()));
    json.insert("status".to_owned(), json!(authorization.status));
    json.insert("description".to_owned(), json!(authorization.description));
    json.insert("orgID".to_owned(), json!(authorization.org));
    if let Some(org) = org {
        json.insert("org".to_owned(), json!(org.name));
    }
    json.insert("userID".to_owned(), json!(authorization.user));
    if let Some(user) = user {
        json.insert("user".to_owned(), json!(user.name));
    }
    json.insert("permissions".to_owned(), json!(permissions));
    let own = format!("/api/v2/authorizations/{}", authorization.id);
    let links = json!({ "self": own, "user": format!("/api/v2/users/{}", authorization.user) });
    json.insert("links".to_owned(), links);
    json.insert(
        "createdAt".to_owned(),
        json!(rfc3339(authorization.created)),
    );
    json.insert(
        "updatedAt".to_owned(),
        json!(rfc3339(authorization.updated)),
    );
    Value::Object(json)
}

fn permission_json(permission: &Permission, org: Option<&Org>) -> Value {
    let mut json = json!(permission);
    if let Some(org) = org.filter(|org| permission.resource.org == Some(org.id))
        && let Some(resource) = json.get_mut("resource").and_then(Value::as_object_mut)
    {
        resource.insert("org".to_owned(), json!(org.name));
    }
    json
}
