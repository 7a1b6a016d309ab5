"""influxdb-client: the first user, through the generated setup service, then a session."""

from influxdb_client import InfluxDBClient, OnboardingRequest
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from influxdb_client.service.setup_service import SetupService

from common import URL, expect, expect_raises

with InfluxDBClient(url=URL, token="none") as client:
    service = SetupService(client.api_client)
    expect(service.get_setup().allowed, True, "allowed before")
    request = OnboardingRequest(
        username="ann",
        password="long enough",
        org="acme",
        bucket="metrics",
        retention_period_seconds=86400,
    )
    made = service.post_setup(request)
    expect(made.user.name, "ann")
    expect(made.org.name, "acme")
    expect(made.bucket.name, "metrics")
    expect(made.bucket.retention_rules[0].every_seconds, 86400)
    expect(service.get_setup().allowed, False, "allowed after")
    expect(expect_raises(ApiException, lambda: service.post_setup(request)).status, 422)

with InfluxDBClient(url=URL, token=made.auth.token, org="acme") as client:
    client.write_api(write_options=SYNCHRONOUS).write("metrics", record="m f=1")
    expect(len(client.query_api().query('from(bucket: "metrics") |> range(start: -1h)')), 1)

# A session by name and password.
with InfluxDBClient(url=URL, username="ann", password="long enough", org="acme") as client:
    expect(client.users_api().me().name, "ann")
    expect(client.buckets_api().find_bucket_by_name("metrics").name, "metrics")
