'use strict'
// @influxdata/influxdb-client and -apis: writes (retried and batched, gzip), queries, buckets, tokens,
// errors.

const {InfluxDB, Point, HttpError, flux, fluxDateTime} = require('@influxdata/influxdb-client')
const apis = require('@influxdata/influxdb-client-apis')
const {assert, url, token, org, bucket, run, rejection} = require('./common')

const client = new InfluxDB({url, token})
const range = flux`from(bucket: ${bucket}) |> range(start: ${fluxDateTime('2024-01-01T00:00:00Z')})`
const start = 1704067200

async function health() {
  assert.equal((await new apis.HealthAPI(client).getHealth()).status, 'pass')
  assert.equal((await new apis.ReadyAPI(client).getReady()).status, 'ready')
}

async function writeSingle() {
  const write = client.getWriteApi(org, bucket, 's', {maxRetries: 0})
  const point = new Point('weather')
    .tag('city', 'Łódź, old town')
    .floatField('temperature', 4.5)
    .intField('humidity', 87)
    .uintField('visitors', '18446744073709551615')
    .booleanField('sunny', false)
    .stringField('note', 'a "quoted" word,\na second line')
    .timestamp(start)
  write.writePoint(point)
  await write.close()
}

async function writeBatched() {
  // Bodies above 1000 bytes go out compressed.
  const write = client.getWriteApi(org, bucket, 's', {batchSize: 500, gzipThreshold: 1000})
  for (let n = 0; n < 2250; n++) {
    write.writePoint(new Point('load').tag('host', `h${n % 3}`).intField('n', n).timestamp(start + n))
  }
  await write.close()
}

async function queryRows() {
  const api = client.getQueryApi(org)
  const weather = await api.collectRows(flux`${range} |> filter(fn: (r) => r._measurement == "weather")`)
  const values = Object.fromEntries(weather.map((row) => [row._field, row._value]))
  assert.deepEqual(values, {
    temperature: 4.5,
    humidity: 87,
    visitors: 18446744073709551615,
    sunny: false,
    note: 'a "quoted" word,\na second line',
  })
  assert.equal(weather[0]._time, '2024-01-01T00:00:00Z')
  assert.equal(weather[0].city, 'Łódź, old town')

  const load = flux`${range} |> filter(fn: (r) => r._measurement == "load")`
  const count = await api.collectRows(flux`${load} |> group() |> count()`)
  assert.equal(count[0]._value, 2250)
  let streamed = 0
  for await (const {values: row, tableMeta} of api.iterateRows(load)) {
    assert.equal(tableMeta.toObject(row)._measurement, 'load')
    streamed += 1
  }
  assert.equal(streamed, 2250)
  const zipped = new InfluxDB({url, token, headers: {'accept-encoding': 'gzip'}}).getQueryApi(org)
  assert.equal((await zipped.collectRows(load)).length, 2250)
}

async function buckets() {
  const api = new apis.BucketsAPI(client)
  const orgID = (await new apis.OrgsAPI(client).getOrgs({org})).orgs[0].id
  const retentionRules = [{type: 'expire', everySeconds: 3600}]
  const made = await api.postBuckets({body: {orgID, name: 'made', retentionRules}})
  assert.equal(made.retentionRules[0].everySeconds, 3600)
  assert.equal((await api.getBuckets({orgID, name: 'made'})).buckets[0].id, made.id)
  const body = {name: 'renamed'}
  assert.equal((await api.patchBucketsID({bucketID: made.id, body})).name, 'renamed')
  await api.deleteBucketsID({bucketID: made.id})
  await rejection(api.getBucketsID({bucketID: made.id}), HttpError, 404)
  await rejection(api.postBuckets({body: {orgID, name: bucket}}), HttpError, 422)
}

async function authorizations() {
  const api = new apis.AuthorizationsAPI(client)
  const orgID = (await new apis.OrgsAPI(client).getOrgs({org})).orgs[0].id
  const permissions = [{action: 'read', resource: {type: 'buckets', orgID}}]
  const made = await api.postAuthorizations({body: {orgID, permissions}})
  const reader = new InfluxDB({url, token: made.token})
  await reader.getQueryApi(org).collectRows(flux`${range} |> limit(n: 1)`)
  const write = reader.getWriteApi(org, bucket, 'ns', {maxRetries: 0})
  write.writeRecord('m f=1')
  await rejection(write.close(), HttpError, 401)
  const listed = (await api.getAuthorizations({orgID})).authorizations
  assert.ok(listed.some((one) => one.id === made.id))
  await api.deleteAuthorizationsID({authID: made.id})
  await rejection(reader.getQueryApi(org).collectRows(range), HttpError, 401)
}

async function failures() {
  const write = client.getWriteApi(org, bucket, 'ns', {maxRetries: 0})
  write.writeRecords(['m f=1', 'broken', 'm f=2'])
  const error = await rejection(write.close(), HttpError, 400)
  assert.equal(error.code, 'invalid')
  assert.match(error.message, /unable to parse 'broken'/)
  const query = client.getQueryApi(org)
  const syntax = await rejection(query.collectRows('from(bucket'), HttpError, 400)
  assert.equal(syntax.code, 'invalid')
  await rejection(query.collectRows('from(bucket: "nothing") |> range(start: -1h)'), HttpError, 404)
  const stranger = new InfluxDB({url, token: 'wrong'})
  await rejection(stranger.getQueryApi(org).collectRows(range), HttpError, 401)
}

run([health, writeSingle, writeBatched, queryRows, buckets, authorizations, failures])
