//! Tasks: their resource, and that they run when and as they should.

use crate::support::{Server, now_ns, wait_for};
use serde_json::{Value, json};

const SECOND: i64 = 1_000_000_000;

fn create(server: &Server, flux: &str) -> Value {
    let body = json!({ "orgID": server.org_id(), "flux": flux, "description": "a test" });
    let answer = server.post("/api/v2/tasks").json(body).send();
    answer.expect(201).json()
}

fn path(task: &Value) -> String {
    format!("/api/v2/tasks/{}", task["id"].as_str().unwrap())
}

fn runs(server: &Server, task: &Value) -> Vec<Value> {
    let answer = server.get(&format!("{}/runs", path(task))).send();
    answer.expect(200).json()["runs"]
        .as_array()
        .unwrap()
        .clone()
}

fn ended(server: &Server, task: &Value, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} runs that ended"), 20, || {
        let runs = runs(server, task);
        let over = |run: &&Value| run["finishedAt"].is_string();
        let over: Vec<Value> = runs.iter().filter(over).cloned().collect();
        (over.len() >= count).then_some(over)
    })
}

/// Reads nothing from disk, so that a run takes no time.
fn trivial(options: &str) -> String {
    format!(
        "import \"array\"\noption task = {{name: \"t\", {options}}}\narray.from(rows: [{{a: 1}}])"
    )
}

#[test]
fn a_task_is_kept_changed_and_deleted() {
    let server = Server::start();
    let task = create(&server, &trivial("every: 1h, offset: 5m"));
    for (key, value) in [
        ("name", json!("t")),
        ("every", json!("1h")),
        ("offset", json!("5m")),
        ("status", json!("active")),
        ("description", json!("a test")),
        ("orgID", json!(server.org_id())),
    ] {
        assert_eq!(task[key], value, "{key}");
    }
    let change = json!({ "cron": "0 * * * *", "name": "renamed", "status": "inactive" });
    let changed = server
        .patch(&path(&task))
        .json(change)
        .send()
        .expect(200)
        .json();
    assert_eq!(
        (&changed["name"], &changed["cron"]),
        (&json!("renamed"), &json!("0 * * * *"))
    );
    assert_eq!(
        (&changed["every"], &changed["status"]),
        (&Value::Null, &json!("inactive"))
    );
    let flux = changed["flux"].as_str().unwrap();
    assert!(
        flux.starts_with("import \"array\"\noption task = {"),
        "{flux}"
    );

    let server = server.kill_and_restart();
    let listed = server
        .get("/api/v2/tasks?name=renamed")
        .send()
        .expect(200)
        .json();
    assert_eq!(listed["tasks"][0]["flux"], changed["flux"]);
    let none = server
        .get("/api/v2/tasks?status=active")
        .send()
        .expect(200)
        .json();
    assert_eq!(none["tasks"], json!([]));

    let label = json!({ "orgID": server.org_id(), "name": "daily" });
    let label = server
        .post("/api/v2/labels")
        .json(label)
        .send()
        .expect(201)
        .json();
    let body = json!({ "labelID": label["label"]["id"] });
    server
        .post(&format!("{}/labels", path(&task)))
        .json(body)
        .send()
        .expect(201);
    let found = server.get(&path(&task)).send().expect(200).json();
    assert_eq!(found["labels"][0]["name"], "daily");

    server.delete(&path(&task)).send().expect(204);
    server
        .get(&path(&task))
        .send()
        .expect_error(404, "not found");
}

#[test]
fn what_is_wrong_with_a_task_is_said() {
    let server = Server::start();
    for (flux, reason) in [
        (
            "from(bucket: \"bucket\") |> range(start: -1h)",
            "option task",
        ),
        ("option task = {name: \"t\"}", "every or cron"),
        ("option task = {name: \"t\", every: 1ms}", "at least 1s"),
        ("option task = {name: \"t\", cron: \"61 * * * *\"}", "cron"),
        ("option task = {name: \"t\", every: 1h", "error"),
        ("", "needs flux"),
    ] {
        let body = json!({ "orgID": server.org_id(), "flux": flux });
        let answer = server.post("/api/v2/tasks").json(body).send();
        let message = answer.expect_error(400, "invalid");
        assert!(message.contains(reason), "{flux}: {message}");
    }
    let body = json!({ "flux": trivial("every: 1h") });
    server
        .post("/api/v2/tasks")
        .json(body)
        .send()
        .expect_error(400, "invalid");
    server
        .get("/api/v2/tasks?limit=501")
        .send()
        .expect_error(400, "invalid");
    server
        .get("/api/v2/tasks/0000000000000001")
        .send()
        .expect_error(404, "not found");
    let reader = server.create_token(&[("read", "buckets", None)]);
    let body = json!({ "orgID": server.org_id(), "flux": trivial("every: 1h") });
    server
        .post("/api/v2/tasks")
        .token(&reader)
        .json(body)
        .send()
        .expect(401);
}

/// Means of every ten whole seconds.
fn downsampling(into: &str) -> String {
    format!(
        "import \"date\"
         option task = {{name: \"means\", every: 1s}}
         whole = (t) => date.truncate(t: t, unit: 10s)
         from(bucket: \"bucket\")
             |> range(start: whole(t: -20s), stop: whole(t: now()))
             |> filter(fn: (r) => r._measurement == \"m\")
             |> aggregateWindow(every: 10s, fn: mean)
             |> to(bucket: \"{into}\")"
    )
}

#[test]
fn a_downsampling_task_writes_what_its_query_yields() {
    let server = Server::start();
    server.create_bucket("means", 0);
    let start = now_ns() / (10 * SECOND) * 10 * SECOND;
    let lines: String = (-30..30)
        .map(|n| format!("m,host=a f={n} {}\n", start + n * SECOND))
        .collect();
    server.write(&lines).expect(204);
    let task = create(&server, &downsampling("means"));
    let runs = ended(&server, &task, 3);
    assert!(
        runs.iter().all(|run| run["status"] == "success"),
        "{runs:?}"
    );
    let query = |bucket: &str, window: &str| {
        let text = format!(
            "from(bucket: \"{bucket}\") |> range(start: -5m, stop: 5m)
             {window} |> keep(columns: [\"_time\", \"_value\", \"host\"])"
        );
        let rows = server.flux(&text);
        let times = rows.column("_time").into_iter();
        times.zip(rows.column("_value")).collect::<Vec<_>>()
    };
    let means = query(
        "bucket",
        "|> aggregateWindow(every: 10s, fn: mean, createEmpty: false)",
    );
    let written = query("means", "");
    assert!(!written.is_empty());
    assert!(
        written.iter().all(|found| means.contains(found)),
        "{written:?} of {means:?}"
    );
    let latest = server.get(&path(&task)).send().expect(200).json();
    assert_eq!(latest["lastRunStatus"], "success");
    assert!(latest["latestCompleted"].is_string());

    let recorded = wait_for("runs in _tasks", 10, || {
        let rows = server.flux(
            "from(bucket: \"_tasks\") |> range(start: -1h)
             |> filter(fn: (r) => r._measurement == \"runs\" and r._field == \"name\")",
        );
        (!rows.is_empty()).then_some(rows)
    });
    assert_eq!(recorded.column("_value")[0], "means");
    let metrics = server.metrics();
    assert!(
        metrics.contains("influxd_task_runs_total{status=\"success\"}"),
        "{metrics}"
    );
}

#[test]
fn now_and_the_last_success_are_those_of_the_run() {
    let server = Server::start();
    server.create_bucket("times", 0);
    let flux = "import \"array\"
        import \"influxdata/influxdb/tasks\"
        option task = {name: \"t\", every: 1h}
        array.from(rows: [{_time: now(), _measurement: \"m\", _field: \"last\",
            _value: string(v: tasks.lastSuccess(orTime: -1h))}])
            |> to(bucket: \"times\", tagColumns: [])";
    let task = create(&server, flux);
    for hour in [1, 2] {
        let body = json!({ "scheduledFor": format!("2024-01-01T0{hour}:00:00Z") });
        let run = server
            .post(&format!("{}/runs", path(&task)))
            .json(body)
            .send();
        assert!(run.expect(201).json()["requestedAt"].is_string());
        ended(&server, &task, hour);
    }
    let rows = server.flux(
        "from(bucket: \"times\") |> range(start: 2024-01-01T00:00:00Z, stop: 2024-01-02T00:00:00Z)",
    );
    assert_eq!(
        rows.column("_time"),
        ["2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z"]
    );
    assert_eq!(rows.column("_value")[1], "2024-01-01T01:00:00.000000000Z");
}

#[test]
fn a_failed_run_tells_why_and_can_be_retried() {
    let server = Server::start();
    let task = create(
        &server,
        "option task = {name: \"t\", every: 1h, retry: 2}
         from(bucket: \"later\") |> range(start: -1h)",
    );
    let run = server
        .post(&format!("{}/runs", path(&task)))
        .send()
        .expect(201)
        .json();
    let failed = ended(&server, &task, 1);
    assert_eq!(failed[0]["status"], "failed");
    assert_eq!(failed[0]["id"], run["id"]);
    let own = format!("{}/runs/{}", path(&task), run["id"].as_str().unwrap());
    let log = server.get(&format!("{own}/logs")).send().expect(200).json();
    let messages = log["events"].to_string();
    assert!(messages.contains("later"), "{messages}");
    assert!(messages.contains("attempt 2"), "{messages}");
    server.create_bucket("later", 0);
    server.post(&format!("{own}/retry")).send().expect(200);
    let both = ended(&server, &task, 2);
    assert_eq!(both[0]["status"], "success");
    assert_eq!(both[0]["scheduledFor"], both[1]["scheduledFor"]);
}

#[test]
fn times_that_were_missed_are_made_up_for() {
    let server = Server::start();
    let task = create(&server, &trivial("every: 1s"));
    ended(&server, &task, 1);
    let server = server.kill_and_restart();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let all = ended(&server, &task, 4);
    let mut times: Vec<&str> = all
        .iter()
        .filter(|run| run["status"] == "success")
        .map(|run| run["scheduledFor"].as_str().unwrap())
        .collect();
    times.sort_unstable();
    times.dedup();
    let seconds: Vec<u32> = times
        .iter()
        .map(|time| time[17..19].parse().unwrap())
        .collect();
    let gaps = seconds.windows(2).all(|pair| (pair[0] + 1) % 60 == pair[1]);
    assert!(gaps, "no second is left out: {times:?}");
}

#[test]
fn inactive_tasks_and_tasks_of_lost_rights_do_not_read() {
    let server = Server::start();
    let bucket = server.bucket_id("bucket");
    let inactive = create(&server, &trivial("every: 1s"));
    let body = json!({ "status": "inactive" });
    server.patch(&path(&inactive)).json(body).send().expect(200);
    let before = runs(&server, &inactive).len();

    // The task may no more than who made it.
    let token = server.create_token(&[("write", "tasks", None), ("read", "tasks", None)]);
    let flux =
        "option task = {name: \"t\", every: 1s} from(bucket: \"bucket\") |> range(start: -1h)";
    let body = json!({ "orgID": server.org_id(), "flux": flux });
    let task = server
        .post("/api/v2/tasks")
        .token(&token)
        .json(body)
        .send()
        .expect(201)
        .json();
    let failed = ended(&server, &task, 2);
    assert_eq!(failed[0]["status"], "failed");
    assert!(
        failed[0]["log"]
            .to_string()
            .contains("could not find bucket"),
        "{bucket}"
    );
    assert!(runs(&server, &inactive).len() <= before + 1);
}

#[test]
fn a_long_run_is_cancelled_and_holds_no_other_task_up() {
    let server = Server::start();
    let endless = "import \"generate\"
        option task = {name: \"long\", every: 1s}
        generate.from(count: 100000000, fn: (n) => n, start: 2020-01-01T00:00:00Z, stop: 2021-01-01T00:00:00Z)
            |> map(fn: (r) => ({r with a: string(v: r._value)})) |> sort(columns: [\"a\"])";
    let long = create(&server, endless);
    let short = create(&server, &trivial("every: 1s"));
    ended(&server, &short, 2);
    let going = wait_for("a run that goes on", 20, || {
        let runs = runs(&server, &long);
        runs.into_iter().find(|run| run["status"] == "started")
    });
    let going_on = runs(&server, &long);
    let count = going_on
        .iter()
        .filter(|run| run["status"] == "started")
        .count();
    assert_eq!(count, 1, "one at a time");
    let own = format!("{}/runs/{}", path(&long), going["id"].as_str().unwrap());
    server.delete(&own).send().expect(204);
    wait_for("the run to end", 20, || {
        let run = server.get(&own).send().expect(200).json();
        let over = ["canceled", "failed"].contains(&run["status"].as_str().unwrap());
        over.then_some(())
    });
}
