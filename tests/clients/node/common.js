'use strict'
// What the scripts share. The packages are found through NODE_PATH.

const assert = require('node:assert/strict')

const {INFLUX_URL: url, INFLUX_TOKEN: token, INFLUX_ORG: org, INFLUX_BUCKET: bucket} = process.env

/** Runs the parts one after another; the name of the one that fails is the last one printed. */
async function run(parts) {
  for (const part of parts) {
    console.log(part.name)
    await part()
  }
}

/** The error that a promise rejects with, of the given class and status. */
async function rejection(promise, kind, statusCode) {
  let result
  try {
    result = await promise
  } catch (error) {
    assert.ok(error instanceof kind, `${error.constructor.name} instead of ${kind.name}: ${error}`)
    assert.equal(error.statusCode, statusCode, String(error))
    return error
  }
  assert.fail(`no ${kind.name}, but ${JSON.stringify(result)}`)
}

module.exports = {assert, url, token, org, bucket, run, rejection}
