//! /api/v2/remotes and /api/v2/replications, and what they send.

use crate::support::remote::{FakeRemote, Sent};
use crate::support::replication::{free_address, stopped_server, with};
use crate::support::server::TOKEN;
use crate::support::{Server, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

/// Points in a batch of [`noise`].
const NOISY: usize = 500;

/// Points that don't compress, about 100 KiB of queue.
fn noise(batch: usize) -> String {
    let line = |n: usize| {
        let number = (batch * NOISY + n) as u64;
        let text: String = (0..12)
            .map(|salt| {
                let mixed = (number * 31 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                format!("{:016x}", mixed ^ (mixed >> 29))
            })
            .collect();
        format!("m f={number}i,s=\"{text}\" {}\n", number + 1)
    };
    (0..NOISY).map(line).collect()
}

fn time_of(line: &str) -> i64 {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn remotes_are_made_changed_and_deleted_and_never_show_their_token() {
    let server = Server::start();
    let org = server.org_id();
    let body = json!({
        "name": "hub", "description": "d", "orgID": org, "remoteURL": "https://hub:8086",
        "remoteAPIToken": "very-secret", "remoteOrgID": "0000000000000abc", "allowInsecureTLS": true,
    });
    let answer = server.post("/api/v2/remotes").json(body.clone()).send();
    let answer = answer.expect(201);
    assert!(!answer.text().contains("very-secret"));
    let made = answer.json();
    let want = json!({
        "id": made["id"], "orgID": org, "name": "hub", "remoteURL": "https://hub:8086",
        "remoteOrgID": "0000000000000abc", "allowInsecureTLS": true, "protocol": "v2",
        "description": "d",
    });
    assert_eq!(made, want);
    let path = format!("/api/v2/remotes/{}", made["id"].as_str().unwrap());
    let server = server.kill_and_restart();
    let change = json!({"name": "centre", "remoteAPIToken": "other-secret"});
    let changed = server.patch(&path).json(change).send().expect(200);
    assert_eq!(
        changed.json(),
        with(want.clone(), json!({"name": "centre"}))
    );
    let list = |query: &str| {
        let path = format!("/api/v2/remotes?orgID={org}{query}");
        let answer = server.get(&path).send().expect(200);
        assert!(!answer.text().contains("secret"));
        answer.json()["remotes"].as_array().unwrap().len()
    };
    assert_eq!(
        (list(""), list("&name=centre"), list("&name=hub")),
        (1, 1, 0)
    );
    for (wrong, why) in [
        (json!({"remoteURL": "hub:8086"}), "remoteURL"),
        (json!({"name": ""}), "name"),
        (json!({"remoteAPIToken": "a\nb"}), "remoteAPIToken"),
    ] {
        let answer = server
            .post("/api/v2/remotes")
            .json(with(body.clone(), wrong));
        let message = answer.send().expect_error(400, "invalid");
        assert!(message.contains(why), "{message}");
    }
    let other = server.token_of_new_org("other");
    for method in ["GET", "PATCH", "DELETE"] {
        let request = server.request(method, &path).json(json!({}));
        request
            .token(&other)
            .send()
            .expect_error(401, "unauthorized");
    }
    server.delete(&path).send().expect(204);
    server.get(&path).send().expect_error(404, "not found");
    assert!(!server.log().join("\n").contains("secret"));
}

#[test]
fn replications_have_influxdbs_fields_and_are_checked() {
    let server = Server::start();
    let remote = server.create_remote(&format!("http://{}", free_address()), json!({}));
    let bucket = server.bucket_id("bucket");
    let id = server.replicate(&remote, json!({"description": "d"}));
    let want = json!({
        "id": id, "orgID": server.org_id(), "name": "replication", "remoteID": remote,
        "localBucketID": bucket, "remoteBucketID": null, "remoteBucketName": "bucket",
        "maxQueueSizeBytes": 67_108_860, "currentQueueSizeBytes": 0,
        "remainingBytesToBeSynced": 0, "dropNonRetryableData": false, "maxAgeSeconds": 604_800,
        "fullPolicy": "oldest-first", "description": "d",
    });
    assert_eq!(server.replication(&id), want);
    let changed = server.change_replication(
        &id,
        json!({"remoteBucketID": "0000000000000abc", "fullPolicy": "backpressure", "maxAgeSeconds": 0}),
    );
    let change = json!({
        "remoteBucketID": "0000000000000abc", "remoteBucketName": "",
        "fullPolicy": "backpressure", "maxAgeSeconds": 0,
    });
    assert_eq!(changed, with(want, change));
    let server = server.kill_and_restart();
    assert_eq!(server.replication(&id), changed);

    let body = json!({
        "name": "r", "orgID": server.org_id(), "remoteID": remote, "localBucketID": bucket,
        "remoteBucketName": "b",
    });
    for (wrong, status, why) in [
        (json!({"name": ""}), 400, "name"),
        (json!({"remoteBucketName": ""}), 400, "exactly one of"),
        (
            json!({"remoteBucketID": "0000000000000abc"}),
            400,
            "exactly one of",
        ),
        (json!({"maxQueueSizeBytes": 100}), 400, "at least 1048576"),
        (json!({"fullPolicy": "newest"}), 400, "fullPolicy"),
        (json!({"remoteID": "0000000000000abc"}), 404, "remote"),
        (json!({"localBucketID": "0000000000000abc"}), 404, "bucket"),
    ] {
        let request = server.post("/api/v2/replications");
        let answer = request.json(with(body.clone(), wrong)).send();
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(
            answer.text().contains(why) || why == "fullPolicy",
            "{}",
            answer.text()
        );
    }
    let list = |query: &str| {
        let path = format!("/api/v2/replications?orgID={}{query}", server.org_id());
        let answer = server.get(&path).send().expect(200).json();
        answer["replications"].as_array().unwrap().len()
    };
    assert_eq!(
        list(&format!("&remoteID={remote}&localBucketID={bucket}")),
        1
    );
    assert_eq!(list("&remoteID=0000000000000abc") + list("&name=other"), 0);

    let used = server.delete(&format!("/api/v2/remotes/{remote}")).send();
    let message = used.expect_error(422, "conflict");
    assert!(message.contains(&id), "{message}");
    let path = format!("/api/v2/replications/{id}");
    let other = server.token_of_new_org("other");
    let answer = server.get(&path).token(&other).send();
    answer.expect_error(401, "unauthorized");
    server
        .delete(&format!("/api/v2/buckets/{bucket}"))
        .send()
        .expect(204);
    server.get(&path).send().expect_error(404, "not found");
    server
        .delete(&format!("/api/v2/remotes/{remote}"))
        .send()
        .expect(204);
}

#[test]
fn a_replication_is_validated_by_asking_the_remote() {
    let (server, hub) = (Server::start(), Server::start());
    let id = server.replicate_to(&hub, json!({}));
    let path = format!("/api/v2/replications/{id}");
    let validate = format!("{path}/validate");
    server.post(&validate).send().expect(204);
    let wrong = json!({"remoteBucketName": "none"});
    let answer = server
        .patch(&format!("{path}?validate=true"))
        .json(wrong.clone());
    let message = answer.send().expect_error(400, "invalid");
    assert!(message.contains("404"), "{message}");
    assert_eq!(server.replication(&id)["remoteBucketName"], "bucket");
    server.change_replication(&id, wrong);
    server.post(&validate).send().expect_error(400, "invalid");
    let body = json!({
        "name": "r", "orgID": server.org_id(), "remoteID": server.replication(&id)["remoteID"],
        "localBucketID": server.bucket_id("bucket"), "remoteBucketName": "bucket",
    });
    let create = "/api/v2/replications?validate=true";
    server.post(create).json(body).send().expect(204);
    let all = server.get("/api/v2/replications?org=org").send();
    let all = all.expect(200).json();
    assert_eq!(all["replications"].as_array().unwrap().len(), 1);
    assert_eq!(hub.count_of("f"), 0, "a validation writes nothing");
}

#[test]
fn points_arrive_as_they_were_accepted_with_the_instance_that_they_come_from() {
    let hub = Server::start();
    let server = Server::builder()
        .flag("replication-instance-id", "edge 1")
        .start();
    server.write("m,t=before f=1 1").expect(204);
    let id = server.replicate_to(&hub, json!({}));
    let lines = "m,t=a\\ b,u=v f=1.5,i=-2i,u=3u,b=true,s=\"x\ny\\\"\\\\\" 2\n\
                 m,t=a\\ b,u=v f=2.5 3\n\
                 n g=\"x\" 4\n\
                 m,_instance_id=further,t=c f=1 5\n";
    server.write(lines).expect(204);
    // Rejected here: it must not get there.
    server
        .write("m,t=a\\ b,u=v f=\"text\" 6\nm,t=c f=4 7")
        .expect(204);
    server.create_bucket("other", 0);
    server.write_to("other", "m,t=other f=1 8").expect(204);
    server.wait_replicated(&id);
    let rows = hub.influxql("SELECT * FROM m; SELECT * FROM n");
    let columns: Value = json!(["time", "_instance_id", "b", "f", "i", "s", "t", "u", "u_1"]);
    assert_eq!(rows[0]["series"][0]["columns"], columns);
    let values = rows[0]["series"][0]["values"].as_array().unwrap();
    let tagged = |row: &Value| (row[0].clone(), row[1].clone(), row[3].clone());
    let (edge, further) = (json!("edge 1"), json!("further"));
    assert_eq!(
        values.iter().map(tagged).collect::<Vec<_>>(),
        [
            (json!(2), edge.clone(), json!(1.5)),
            (json!(3), edge.clone(), json!(2.5)),
            (json!(5), further, json!(1)),
            (json!(7), edge.clone(), json!(4)),
        ]
    );
    assert_eq!(values[0][5], "x\ny\"\\");
    assert_eq!((&values[0][2], &values[0][4]), (&json!(true), &json!(-2)));
    assert_eq!(rows[1]["series"][0]["values"], json!([[4, edge, "x"]]));
    assert_eq!(server.replication_metric("sent_points_total", &id, ""), 5);
    let shown = server.replication(&id);
    assert_eq!(shown["latestResponseCode"], 204);
    assert_eq!(shown["latestErrorMessage"], Value::Null);
}

#[test]
fn a_remote_that_is_down_gets_everything_when_it_is_up() {
    let (address, hub, org) = stopped_server();
    let mut server = Server::start();
    let remote = server.create_remote(&format!("http://{address}"), json!({"remoteOrgID": org}));
    let id = server.replicate(&remote, json!({}));
    for time in 1..=20 {
        server.write(&format!("m f={time}i {time}")).expect(204);
    }
    let shown = server.wait_for_error(&id, "can't be reached");
    assert!(shown["remainingBytesToBeSynced"].as_u64().unwrap() > 0);
    server = server.kill_and_restart();
    server.write("m f=21i 21").expect(204);
    assert!(
        server.replication(&id)["currentQueueSizeBytes"]
            .as_u64()
            .unwrap()
            > 0
    );
    let hub = hub.start();
    server.wait_replicated(&id);
    assert_eq!(hub.count_of("f"), 21);
    assert!(server.replication_metric("failed_requests_total", &id, "") > 0);
}

#[test]
fn order_is_kept_through_failures_and_retry_after_is_honoured() {
    let hub = FakeRemote::start(|before, _| match before {
        0 => (429, "Retry-After: 2\r\n", "{\"message\":\"slow down\"}"),
        n if n % 3 == 1 => (503, "", "later"),
        _ => (204, "", ""),
    });
    let server = Server::start();
    let remote = server.create_remote(&hub.url(), json!({"remoteOrgID": "0000000000000abc"}));
    let id = server.replicate(&remote, json!({}));
    server.write("m f=0i 1").expect(204);
    let shown = server.wait_for_error(&id, "429");
    assert_eq!(shown["latestResponseCode"], 429);
    for time in 2..=30 {
        server.write(&format!("m f={time}i {time}")).expect(204);
    }
    server.wait_replicated(&id);
    let all = hub.all();
    assert!(
        all[1].0.at - all[0].0.at >= Duration::from_secs(2),
        "asked again before the time"
    );
    let first: &Sent = &all[0].0;
    assert_eq!(
        first.path,
        "/api/v2/write?org=0000000000000abc&bucket=bucket&precision=ns"
    );
    assert_eq!(first.authorization, format!("Token {TOKEN}"));
    let times: Vec<i64> = hub.accepted().iter().map(|line| time_of(line)).collect();
    assert_eq!(times, (1..=30).collect::<Vec<_>>());
}

#[test]
fn refused_lines_stop_it_unless_they_may_be_dropped() {
    let hub = FakeRemote::start(|_, sent| {
        if sent.lines.len() > 200_000 {
            return (413, "", "too large");
        }
        match sent.lines.contains("bad=") {
            true => (400, "", "{\"code\":\"invalid\",\"message\":\"no bad\"}"),
            false => (204, "", ""),
        }
    });
    let server = Server::start();
    let remote = server.create_remote(&hub.url(), json!({}));
    let id = server.replicate(&remote, json!({}));
    let good: String = (1..=40).map(|time| format!("m f=1i {time}\n")).collect();
    server
        .write(&format!("{good}m bad=1i 41\nm f=1i 42"))
        .expect(204);
    server.write(&noise(1)).expect(204);
    let shown = server.wait_for_error(&id, "no bad");
    let message = shown["latestErrorMessage"].as_str().unwrap();
    assert!(message.contains("m bad=1i 41"), "{message}");
    assert_eq!(shown["latestResponseCode"], 400);
    let accepted = hub.accepted();
    assert_eq!(accepted.len(), 40, "what comes before it, and nothing else");
    assert!(shown["remainingBytesToBeSynced"].as_u64().unwrap() > 0);
    server.change_replication(&id, json!({"dropNonRetryableData": true}));
    server.wait_replicated(&id);
    let dropped = server.replication_metric("dropped_points_total", &id, ",reason=\"refused\"");
    assert_eq!(dropped, 1);
    let sent = server.replication_metric("sent_points_total", &id, "");
    assert_eq!(sent, 41 + NOISY as u64);
    let times: Vec<i64> = hub.accepted().iter().map(|line| time_of(line)).collect();
    assert_eq!(times.len(), 41 + NOISY);
    let bad = hub.accepted().iter().any(|line| line.contains("bad="));
    assert!(!bad && times.is_sorted());
    let log = server.log().join("\n");
    assert!(
        log.contains("dropped 1 points because the remote refused them"),
        "{log}"
    );
}

#[test]
fn a_remote_that_wants_nothing_is_told_by_its_answer_and_asked_again_when_mended() {
    let (server, hub) = (Server::start(), Server::start());
    let url = format!("http://{}", hub.address);
    let more = json!({"remoteOrgID": hub.org_id(), "remoteAPIToken": "wrong"});
    let remote = server.create_remote(&url, more);
    // Even so nothing is dropped: the lines are not what is wrong.
    let id = server.replicate(&remote, json!({"dropNonRetryableData": true}));
    server.write("m f=1i 1").expect(204);
    let shown = server.wait_for_error(&id, "401");
    assert_eq!(shown["latestResponseCode"], 401);
    let path = format!("/api/v2/remotes/{remote}");
    let change = json!({"remoteAPIToken": TOKEN});
    server.patch(&path).json(change).send().expect(200);
    server.wait_replicated(&id);
    assert_eq!(hub.count_of("f"), 1);
}

#[test]
fn a_full_queue_refuses_writes_of_its_bucket_by_backpressure() {
    let (address, hub, org) = stopped_server();
    let server = Server::start();
    let remote = server.create_remote(&format!("http://{address}"), json!({"remoteOrgID": org}));
    let bound = 1 << 20;
    let more = json!({"fullPolicy": "backpressure", "maxQueueSizeBytes": bound});
    let id = server.replicate(&remote, more);
    let mut acknowledged = 0;
    let refused = (0..100).map(|batch| server.write(&noise(batch)));
    let refused = refused
        .inspect(|answer| acknowledged += usize::from(answer.status == 204))
        .find(|answer| answer.status != 204)
        .expect("the queue was never full");
    let message = refused.expect_error(503, "unavailable");
    assert!(message.contains(&id), "{message}");
    assert!(refused.header("retry-after").is_some());
    assert!(acknowledged > 3, "{acknowledged} batches");
    let held = server.replication(&id)["currentQueueSizeBytes"].clone();
    assert!(held.as_u64().unwrap() <= bound, "{held}");
    server.create_bucket("other", 0);
    server.write_to("other", "m f=1 1").expect(204);
    assert_eq!(server.count_of("f"), (acknowledged * NOISY) as u64);
    let hub = hub.start();
    server.wait_replicated(&id);
    server.write(&noise(200)).expect(204);
    server.wait_replicated(&id);
    assert_eq!(hub.count_of("f"), server.count_of("f"));
    let dropped = server.replication_metric("dropped_points_total", &id, ",reason=\"queue_full\"");
    assert_eq!(dropped, 0);
}

#[test]
fn a_full_queue_drops_its_oldest_points_and_says_so() {
    let address = free_address();
    let server = Server::start();
    let remote = server.create_remote(&format!("http://{address}"), json!({}));
    let bound = 1 << 20;
    let id = server.replicate(&remote, json!({"maxQueueSizeBytes": bound}));
    let batches = 30;
    for batch in 0..batches {
        server.write(&noise(batch)).expect(204);
        let held = server.replication(&id)["currentQueueSizeBytes"].clone();
        assert!(held.as_u64().unwrap() <= bound, "{held}");
    }
    let dropped =
        || server.replication_metric("dropped_points_total", &id, ",reason=\"queue_full\"");
    assert!(dropped() > 0);
    let log = server.log().join("\n");
    assert!(log.contains("points because the queue was full"), "{log}");
    let hub = FakeRemote::start_at(&address, |_, _| (204, "", ""));
    server.wait_replicated(&id);
    let times: Vec<i64> = hub.accepted().iter().map(|line| time_of(line)).collect();
    assert_eq!(times.len() as u64 + dropped(), (batches * NOISY) as u64);
    assert!(times.is_sorted(), "order is kept");
    assert_eq!(times.last(), Some(&((batches * NOISY) as i64)));
    assert_eq!(server.count_of("f"), (batches * NOISY) as u64);
}

#[test]
fn what_is_older_than_the_greatest_age_is_dropped_and_counted() {
    let server = Server::start();
    let remote = server.create_remote(&format!("http://{}", free_address()), json!({}));
    let id = server.replicate(&remote, json!({"maxAgeSeconds": 1}));
    server.write("m f=1i 1\nm f=2i 2").expect(204);
    wait_for("the age", 60, || {
        let reason = ",reason=\"max_age\"";
        let dropped = server.replication_metric("dropped_points_total", &id, reason);
        (dropped == 2).then_some(())
    });
    server.wait_replicated(&id);
    assert_eq!(server.count_of("f"), 2);
}

#[test]
fn points_are_sent_to_servers_of_1_x_by_name_of_database() {
    let (server, hub) = (Server::start(), Server::start());
    let url = format!("http://{}", hub.address);
    let more = json!({"protocol": "v1", "remoteAPIToken": format!("user:{TOKEN}")});
    let remote = server.create_remote(&url, more);
    let id = server.replicate(&remote, json!({"remoteBucketName": "bucket/autogen"}));
    server.write("m f=1i 1").expect(204);
    server.wait_replicated(&id);
    assert_eq!(hub.count_of("f"), 1);
    let path = format!("/api/v2/replications/{id}");
    let by_id = json!({"remoteBucketID": hub.bucket_id("bucket")});
    let answer = server.patch(&path).json(by_id).send();
    answer.expect_error(400, "invalid");
}

#[test]
fn a_bucket_is_replicated_to_several_remotes_and_a_chain_goes_on() {
    let (server, one, two) = (Server::start(), Server::start(), Server::start());
    let first = server.replicate_to(&one, json!({}));
    let second = server.replicate_to(&two, json!({"remoteBucketName": "bucket"}));
    let chained = one.replicate_to(&two, json!({}));
    for time in 1..=50 {
        server.write(&format!("m f={time}i {time}")).expect(204);
    }
    server.wait_replicated(&first);
    server.wait_replicated(&second);
    one.wait_replicated(&chained);
    assert_eq!((one.count_of("f"), two.count_of("f")), (50, 50));
    server
        .delete(&format!("/api/v2/replications/{first}"))
        .send()
        .expect(204);
    server.write("m f=51i 51").expect(204);
    server.wait_replicated(&second);
    assert_eq!((one.count_of("f"), two.count_of("f")), (50, 51));
    assert!(!server.metrics().contains(&first));
}
