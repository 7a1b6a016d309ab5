"""influxdb-client: write in every way, query to objects, buckets, authorizations, exceptions."""

from datetime import datetime, timedelta, timezone

from influxdb_client import (
    BucketRetentionRules,
    InfluxDBClient,
    Permission,
    PermissionResource,
    Point,
    WriteOptions,
    WritePrecision,
)
from influxdb_client.client.write_api import ASYNCHRONOUS, SYNCHRONOUS
from influxdb_client.rest import ApiException

from common import BUCKET, ORG, TOKEN, URL, expect, expect_raises

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
RANGE = f'from(bucket: "{BUCKET}") |> range(start: 2024-01-01T00:00:00Z, stop: 2024-01-02T00:00:00Z)'


def service(client):
    expect(client.ping(), True, "ping")
    expect(client.health().status, "pass")
    expect(client.ready().status, "ready")
    expect(client.version().lstrip("v").split(".")[0], "2", "version")
    expect(client.build().lower(), "oss", "build")


def write_single(client):
    api = client.write_api(write_options=SYNCHRONOUS)
    point = (
        Point("weather")
        .tag("city", "Łódź, old town")
        .field("temperature", 4.5)
        .field("humidity", 87)
        .field("sunny", False)
        .field("note", 'a "quoted" word, a\nsecond line')
        .time(START)
    )
    api.write(BUCKET, ORG, point)
    api.write(
        BUCKET,
        ORG,
        {
            "measurement": "weather",
            "tags": {"city": "Oslo"},
            "fields": {"temperature": -1.0},
            "time": START + timedelta(minutes=1),
        },
    )
    api.write(BUCKET, ORG, "weather,city=Rome temperature=15.25 1704067320", WritePrecision.S)
    client.write_api(write_options=ASYNCHRONOUS).write(
        BUCKET, ORG, Point("weather").tag("city", "Bern").field("temperature", 0.5).time(START)
    ).get()


def write_batched(client):
    options = WriteOptions(batch_size=500, flush_interval=100)
    errors = []
    with client.write_api(
        write_options=options, error_callback=lambda data, error: errors.append(error)
    ) as api:
        for n in range(2_250):
            time = START + timedelta(seconds=n)
            api.write(BUCKET, ORG, Point("load").tag("host", f"h{n % 3}").field("n", n).time(time))
    expect(errors, [], "errors of the batching writer")


def query(client):
    api = client.query_api()
    tables = api.query(f'{RANGE} |> filter(fn: (r) => r._measurement == "weather")')
    records = [record for table in tables for record in table.records]
    odd = {r.get_field(): r.get_value() for r in records if r.values["city"] == "Łódź, old town"}
    expect(
        odd,
        {
            "temperature": 4.5,
            "humidity": 87,
            "sunny": False,
            "note": 'a "quoted" word, a\nsecond line',
        },
    )
    times = {r.values["city"]: r.get_time() for r in records if r.get_field() == "temperature"}
    expect(times["Rome"], START + timedelta(minutes=2))
    expect(sorted(times), ["Bern", "Oslo", "Rome", "Łódź, old town"])

    total = f'{RANGE} |> filter(fn: (r) => r._measurement == "load") |> group() |> count()'
    expect(api.query(total)[0].records[0].get_value(), 2_250)
    means = api.query(
        f'{RANGE} |> filter(fn: (r) => r._measurement == "load" and r.host == "h0")'
        " |> aggregateWindow(every: 10m, fn: mean, createEmpty: false)"
    )
    expect([r.get_value() for r in means[0].records], [298.5, 898.5, 1498.5, 2023.5])
    stream = api.query_stream(f'{RANGE} |> filter(fn: (r) => r._measurement == "load")')
    expect(sum(1 for _ in stream), 2_250, "streamed records")
    rows = list(api.query_csv(f'{RANGE} |> filter(fn: (r) => r.city == "Rome")'))
    expect(rows[0][0], "#datatype")
    raw = api.query_raw(f'{RANGE} |> filter(fn: (r) => r.city == "Rome")')
    expect(b"15.25" in raw.data if hasattr(raw, "data") else "15.25" in str(raw), True)


def parameters(client):
    """Sent as `extern`: a Flux syntax tree."""
    found = client.query_api().query(
        "from(bucket: _bucket) |> range(start: _start, stop: _stop)"
        " |> filter(fn: (r) => r.city == _city)",
        params={
            "_bucket": BUCKET,
            "_start": START,
            "_stop": START + timedelta(days=1),
            "_city": "Oslo",
        },
    )
    expect(found[0].records[0].get_value(), -1.0)


def buckets(client):
    api = client.buckets_api()
    rule = BucketRetentionRules(type="expire", every_seconds=3600)
    made = api.create_bucket(bucket_name="made", retention_rules=rule, org=ORG)
    expect(made.retention_rules[0].every_seconds, 3600)
    expect(api.find_bucket_by_name("made").id, made.id)
    expect(api.find_bucket_by_id(made.id).name, "made")
    expect(api.find_bucket_by_name("nothing"), None)
    made.description = "changed"
    expect(api.update_bucket(bucket=made).description, "changed")
    for n in range(25):
        api.create_bucket(bucket_name=f"page{n}", org=ORG)
    names = {bucket.name for bucket in api.find_buckets_iter(limit=10)}
    expect(len([name for name in names if name.startswith("page")]), 25, "paged buckets")
    api.delete_bucket(made)
    expect(expect_raises(ApiException, lambda: api.find_bucket_by_id(made.id)).status, 404)
    expect(
        expect_raises(ApiException, lambda: api.create_bucket(bucket_name=BUCKET, org=ORG)).status,
        422,
    )


def organizations_and_users(client):
    orgs = client.organizations_api()
    expect([org.name for org in orgs.find_organizations()], [ORG])
    made = orgs.create_organization(name="second")
    expect(orgs.find_organization(made.id).name, "second")
    orgs.delete_organization(made.id)
    users = client.users_api()
    bob = users.create_user(name="bob")
    users.update_password(bob, "long enough")
    expect(users.find_users(name="bob").users[0].id, bob.id)
    users.delete_user(bob)


def authorizations(client):
    org = client.organizations_api().find_organizations(org=ORG)[0]
    bucket = client.buckets_api().find_bucket_by_name(BUCKET)
    resource = PermissionResource(org_id=org.id, type="buckets", id=bucket.id)
    api = client.authorizations_api()
    made = api.create_authorization(
        org_id=org.id, permissions=[Permission(action="read", resource=resource)]
    )
    expect(made.status, "active")
    expect(api.find_authorization_by_id(made.id).id, made.id)
    expect(made.id in [one.id for one in api.find_authorizations()], True)
    with InfluxDBClient(url=URL, token=made.token, org=ORG) as reader:
        expect(len(reader.query_api().query(f"{RANGE} |> limit(n: 1)")) > 0, True)
        write = reader.write_api(write_options=SYNCHRONOUS)
        expect(expect_raises(ApiException, lambda: write.write(BUCKET, record="m f=1")).status, 401)
    api.delete_authorization(made)
    with InfluxDBClient(url=URL, token=made.token, org=ORG) as reader:
        expect(expect_raises(ApiException, lambda: reader.query_api().query(RANGE)).status, 401)


def failures(client):
    write = client.write_api(write_options=SYNCHRONOUS)
    error = expect_raises(ApiException, lambda: write.write(BUCKET, ORG, "m f=1\nbroken\nm f=2"))
    expect(error.status, 400)
    expect("unable to parse 'broken'" in error.message, True, error.message)
    error = expect_raises(ApiException, lambda: write.write("nothing", ORG, "m f=1"))
    expect(error.status, 404)
    query = client.query_api()
    expect(expect_raises(ApiException, lambda: query.query("from(bucket")).status, 400)
    unknown = 'from(bucket: "nothing") |> range(start: -1h)'
    expect(expect_raises(ApiException, lambda: query.query(unknown)).status, 404)
    with InfluxDBClient(url=URL, token="wrong", org=ORG) as stranger:
        expect(expect_raises(ApiException, lambda: stranger.query_api().query(RANGE)).status, 401)


for gzip in (False, True):
    with InfluxDBClient(url=URL, token=TOKEN, org=ORG, enable_gzip=gzip) as client:
        for part in (service, write_single, write_batched, query, parameters):
            print(part.__name__, "with" if gzip else "without", "gzip", flush=True)
            part(client)
with InfluxDBClient(url=URL, token=TOKEN, org=ORG) as client:
    for part in (buckets, organizations_and_users, authorizations, failures):
        print(part.__name__, flush=True)
        part(client)
