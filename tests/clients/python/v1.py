"""influxdb: the client of InfluxDB 1.x, with a token as the password."""

from urllib.parse import urlparse

from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

from common import BUCKET, TOKEN, URL, expect, expect_raises


def connect(**options):
    url = urlparse(URL)
    options = {"username": "anyone", "password": TOKEN, "database": BUCKET, **options}
    return InfluxDBClient(host=url.hostname, port=url.port, **options)


def write_and_query(client):
    points = [
        {
            "measurement": "cpu",
            "tags": {"host": f"h{n % 2}"},
            "fields": {"busy": n + 0.5, "n": n, "up": True, "note": f"p{n}"},
            "time": 1_704_067_200 + n,
        }
        for n in range(100)
    ]
    expect(client.write_points(points, time_precision="s", batch_size=30), True)
    rows = list(client.query("SELECT busy, n, up, note FROM cpu WHERE host = 'h1'", epoch="s").get_points())
    expect(len(rows), 50)
    expect(rows[0], {"time": 1_704_067_201, "busy": 1.5, "n": 1, "up": True, "note": "p1"})
    text = list(client.query("SELECT n FROM cpu LIMIT 1").get_points())
    expect(text, [{"time": "2024-01-01T00:00:00Z", "n": 0}])
    grouped = client.query(
        "SELECT mean(busy) FROM cpu WHERE time >= '2024-01-01T00:00:00Z' "
        "AND time < '2024-01-01T00:02:00Z' GROUP BY time(1m), host fill(none)"
    )
    means = {
        tags["host"]: [row["mean"] for row in rows] for (_, tags), rows in grouped.items()
    }
    expect(means, {"h0": [29.5, 79.5], "h1": [30.5, 80.5]})


def shows(client):
    expect("cpu" in [m["name"] for m in client.get_list_measurements()], True)
    expect(BUCKET in [d["name"] for d in client.get_list_database()], True)
    policies = client.get_list_retention_policies(BUCKET)
    expect([policy["name"] for policy in policies], ["autogen"])
    hosts = list(client.query("SHOW TAG VALUES FROM cpu WITH KEY = host").get_points())
    expect([host["value"] for host in hosts], ["h0", "h1"])


def failures(client):
    expect(client.ping() != "", True, "the version")
    error = expect_raises(InfluxDBClientError, lambda: client.query("SELEKT"))
    expect(error.code, 400)
    error = expect_raises(
        InfluxDBClientError, lambda: client.write("broken", {"db": BUCKET}, protocol="line")
    )
    expect(error.code, 400)
    expect("unable to parse" in error.content, True, error.content)
    stranger = connect(password="wrong")
    expect(expect_raises(InfluxDBClientError, lambda: stranger.query("SHOW DATABASES")).code, 401)


for headers in (None, {"Accept": "application/json"}):
    for gzip in (False, True):
        client = connect(gzip=gzip, headers=headers)
        for part in (write_and_query, shows, failures):
            print(part.__name__, headers, gzip, flush=True)
            part(client)
