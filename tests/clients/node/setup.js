'use strict'
// @influxdata/influxdb-client-apis: the first user, then a session by signing in.

const {InfluxDB, HttpError} = require('@influxdata/influxdb-client')
const {SetupAPI, SigninAPI, SignoutAPI, PingAPI} = require('@influxdata/influxdb-client-apis')
const {assert, url, run, rejection} = require('./common')

const anonymous = new InfluxDB({url})
const setup = new SetupAPI(anonymous)
const request = {username: 'ann', password: 'long enough', org: 'acme', bucket: 'metrics'}

async function setUp() {
  assert.equal((await setup.getSetup()).allowed, true)
  const made = await setup.postSetup({body: request})
  assert.equal(made.org.name, 'acme')
  assert.equal(made.bucket.name, 'metrics')
  assert.equal((await setup.getSetup()).allowed, false)
  await rejection(setup.postSetup({body: request}), HttpError, 422)

  const write = new InfluxDB({url, token: made.auth.token}).getWriteApi('acme', 'metrics')
  write.writeRecord('m f=1')
  await write.close()
}

async function signIn() {
  const cookies = []
  const signin = new SigninAPI(anonymous)
  await signin.postSignin(
    {auth: {user: 'ann', password: 'long enough'}},
    {responseStarted: (headers) => cookies.push(headers['set-cookie'])}
  )
  const cookie = String(cookies[0]).split(';')[0]
  assert.match(cookie, /^influxdb-oss-session=/)
  await new SignoutAPI(anonymous).postSignout({}, {headers: {cookie}})
  const wrong = signin.postSignin({auth: {user: 'ann', password: 'wrong one'}})
  await rejection(wrong, HttpError, 401)
}

async function ping() {
  await new PingAPI(anonymous).getPing()
}

run([setUp, signIn, ping])
